{#
  A number belongs to one live row of a source. Of rows with the same number all but the first that landed are to blame.
#}
{% test unique_in_source(model, key, entity, columns) %}
{% for column in columns %}
select
    t.source_relation,
    t.{{ key }},
    '{{ entity }}.{{ column }}.unique' as rule,
    '{{ column }}' as column_name,
    cast(t.{{ column }} as varchar) as value,
    t._batch_id,
    t._row_no
from (
    select
        n.*,
        row_number() over (
            partition by n.source_relation, n.{{ column }} order by n._batch_seq asc, n._row_no asc
        ) as place
    from {{ model }} as n
    where not n.is_deleted
        and n.{{ column }} in (select w.{{ column }} from {{ model }} as w where {{ is_new('w._generation') }})
) as t
where t.place > 1 and {{ not_released_row('t') }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
