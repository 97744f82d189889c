{#
  Where a row lies in its table. It holds within a transaction; a row found by its place need not be looked for again.
#}
{% macro place(alias) %}{{ return(adapter.dispatch('place')(alias)) }}{% endmacro %}

{% macro duckdb__place(alias) %}{{ return(alias ~ '.rowid') }}{% endmacro %}

{#
  Condition on rows t of a large table, of which it holds for few. DuckDB reads every column it returns of every row it
  looks at, so they are found by the columns of the condition alone, then read by their place. In a full build, where it
  holds for all, it is just the condition.
#}
{% macro is_one_of_few(relation, condition) %}
    {{- return(adapter.dispatch('is_one_of_few')(relation, condition)) -}}
{% endmacro %}

{% macro default__is_one_of_few(relation, condition) %}{{ return(condition) }}{% endmacro %}

{% macro duckdb__is_one_of_few(relation, condition) %}
    {%- if not var('published_generation') -%}
    {{ return(condition) }}
    {%- endif -%}
    {{ return(place('t') ~ ' in (select ' ~ place('t') ~ ' from ' ~ relation ~ ' as t where ' ~ condition ~ ')') }}
{% endmacro %}

{# A few rows of a large table, whole. In the condition the table is called t. #}
{% macro few_rows(relation, condition) -%}
    select t.* from {{ relation }} as t where {{ is_one_of_few(relation, condition) }}
{%- endmacro %}
