{#
  A few rows of a large table, whole. DuckDB reads every column it returns of every row it looks at, so they are found by
  the columns of the condition alone, then read by their place. In the condition the table is called t.
#}
{% macro few_rows(relation, condition) %}{{ return(adapter.dispatch('few_rows')(relation, condition)) }}{% endmacro %}

{% macro default__few_rows(relation, condition) %}
    select t.* from {{ relation }} as t where {{ condition }}
{% endmacro %}

{% macro duckdb__few_rows(relation, condition) %}
    select t.* from {{ relation }} as t
    where t.rowid in (select t.rowid from {{ relation }} as t where {{ condition }})
{% endmacro %}
