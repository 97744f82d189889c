{#
  Facts and marts are rebuilt by what was touched: a pre-hook deletes the rows of touched keys and logs their row keys
  for the difference publication, then the model appends what those keys have now. A key that became empty is gone.
  All of it is one transaction, and doing it twice gives the same rows.

  key          column of the model that the touched relation's `key` column is compared with
  touched      name of the relation listing touched keys
  also         extra condition under which rows are rebuilt
  dependent    {model, key}: a mart rebuilt by another key, of which the leaving rows' are remembered
#}
{% macro clear_touched(key, touched, row_key, also=none, dependent=none) %}
    {%- if is_incremental() -%}
    create or replace temp table {{ this.identifier }}__leaving as
    select {{ row_key }}{% if dependent %}, {{ dependent.key }}{% endif %}
    from {{ this }}
    where {{ key }} in (select key from {{ ref(touched) }}){% if also %} or {{ also }}{% endif %};
    insert into {{ source('meta', 'removed_row') }}
    select '{{ this.name }}', {{ row_key }}, {{ generation() }} from {{ this.identifier }}__leaving;
    {%- if dependent %}
    insert into {{ source('meta', 'touched') }}
    select distinct '{{ dependent.model }}', {{ dependent.key }}, {{ generation() }}
    from {{ this.identifier }}__leaving;
    {%- endif %}
    delete from {{ this }} where {{ row_key }} in (select {{ row_key }} from {{ this.identifier }}__leaving)
    {%- endif -%}
{% endmacro %}
