{#
  The contract's rules on the rows this build wrote: one row for each row and rule that breaks. A row that a person
  released is not judged again.

  rules   list of {name, column, breaks}; <<base_x>> in breaks stands for that model, <<parent_key>> for the key of the row
          that the rule's column names
#}
{% test contract_holds(model, key, rules, models=[]) %}
with written as (
    select * from {{ model }} as w where {{ is_new('w._generation') }} and not w.is_deleted and {{ not_released_row('w') }}
)
{% for rule in rules %}
    {%- set condition = namespace(sql=rule.breaks | replace('<<parent_key>>', key_of('t', rule.column))) -%}
    {%- for name in models -%}
        {%- set condition.sql = condition.sql | replace('<<' ~ name ~ '>>', ref(name) | string) -%}
    {%- endfor %}
select
    t.source_relation,
    t.{{ key }},
    '{{ rule.name }}' as rule,
    '{{ rule.column }}' as column_name,
    cast(t.{{ rule.column }} as varchar) as value,
    t._batch_id,
    t._row_no
from written as t
where {{ condition.sql }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
