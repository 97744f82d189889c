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
    {%- set condition = 't.' ~ key ~ ' in (select k.key from ' ~ ref(touched) ~ ' as k)' -%}
    {%- set condition = condition ~ ' or ' ~ also if also else condition -%}
    create or replace temp table {{ this.identifier }}__leaving as
    select {{ place('t') }} as place, t.{{ row_key }}{% if dependent %}, t.{{ dependent.key }}{% endif %}
    from {{ this }} as t
    where {{ is_one_of_few(this, condition) }};
    insert into {{ source('meta', 'removed_row') }}
    select '{{ this.name }}', {{ row_key }}, {{ generation() }} from {{ this.identifier }}__leaving;
    {%- if dependent %}
    insert into {{ source('meta', 'touched') }}
    select distinct '{{ dependent.model }}', {{ dependent.key }}, {{ generation() }}
    from {{ this.identifier }}__leaving;
    {%- endif %}
    delete from {{ this }} as t where {{ place('t') }} in (select l.place from {{ this.identifier }}__leaving as l)
    {%- endif -%}
{% endmacro %}
