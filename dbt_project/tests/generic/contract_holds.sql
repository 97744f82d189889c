{#
  The contract's rules on the rows this build wrote: one row for each row and rule that breaks.

  rules   list of {name, breaks}; <<base_x>> in breaks stands for that model
#}
{% test contract_holds(model, key, rules, models=[]) %}
with written as (
    select * from {{ model }} where {{ is_new() }} and not is_deleted
)
{% for rule in rules %}
    {%- set condition = namespace(sql=rule.breaks) -%}
    {%- for name in models -%}
        {%- set condition.sql = condition.sql | replace('<<' ~ name ~ '>>', ref(name) | string) -%}
    {%- endfor %}
select t.source_relation, t.{{ key }}, '{{ rule.name }}' as rule
from written as t
where {{ condition.sql }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
