{#
  Facts and marts are rebuilt by what was touched: a pre-hook deletes the rows of touched keys and logs their row keys
  for the difference publication, then the model appends what those keys have now. A key that became empty is gone.
  All of it is one transaction, and doing it twice gives the same rows.

  key          column of the model that the touched view's `key` column is compared with
  touched      name of the view listing touched keys
  also         extra condition under which rows are rebuilt
#}
{% macro clear_touched(key, touched, row_key, also=none) %}
    {%- set existing = load_relation(this) -%}
    {%- if existing is not none and not should_full_refresh() -%}
    {%- set condition -%}
        ({{ key }} in (select key from {{ ref(touched) }}){% if also %} or {{ also }}{% endif %})
    {%- endset -%}
    insert into {{ source('meta', 'removed_row') }}
    select '{{ this.name }}', {{ row_key }}, {{ generation() }} from {{ this }} where {{ condition }};
    delete from {{ this }} where {{ condition }}
    {%- else -%}
    select 1 as nothing_to_clear
    {%- endif -%}
{% endmacro %}

{# Pre-hook before clear_touched: remember which keys of a dependent mart the rows about to go belonged to. #}
{% macro touch_dependent(model, key_expression, key, touched, also=none) %}
    {%- set existing = load_relation(this) -%}
    {%- if existing is not none and not should_full_refresh() -%}
    insert into {{ source('meta', 'touched') }}
    select distinct '{{ model }}', {{ key_expression }}, {{ generation() }} from {{ this }}
    where {{ key }} in (select key from {{ ref(touched) }}){% if also %} or {{ also }}{% endif %}
    {%- else -%}
    select 1 as nothing_to_touch
    {%- endif -%}
{% endmacro %}
