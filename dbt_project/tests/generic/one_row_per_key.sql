{# The row key of a published model is there and unique; for models rebuilt by key, among the rows this build wrote. #}
{% test one_row_per_key(model, key, incremental=true) %}
select t.{{ key }}, count(*) as row_count
from {{ model }} as t
{%- if incremental %}
where t.{{ key }} is null
    or t.{{ key }} in (select n.{{ key }} from {{ model }} as n where {{ is_new('n._generation') }})
{%- endif %}
group by t.{{ key }}
having count(*) > 1 or t.{{ key }} is null
{% endtest %}
