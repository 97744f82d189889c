{{ config(meta={'locator': {'entity': 'employment'}}) }}

-- a person may have several employments at once, as long as together they are no more than one full-time post; the one that
-- begins while others leave no room for it is named
with employments as (
    select *
    from {{ ref('base_employment') }} as j
    where not j.is_deleted and (j.effective_to is null or j.effective_to > j.effective_from)
)

select
    e.employment_key,
    e.source_relation,
    e.employment_id,
    e.employee_id,
    e.fte_pct,
    sum(o.fte_pct) as fte_pct_of_others,
    'employments_at_once_are_one_post' as rule,
    'effective_from' as column_name,
    cast(e.effective_from as varchar) as value,
    e._batch_id,
    e._row_no
from employments as e
inner join employments as o
    on o.source_relation = e.source_relation and o.employee_id = e.employee_id
    and (o.effective_from < e.effective_from
        or (o.effective_from = e.effective_from and o.employment_id < e.employment_id))
    and (o.effective_to is null or o.effective_to > e.effective_from)
where {{ not_released_row('e') }}
group by
    e.employment_key, e.source_relation, e.employment_id, e.employee_id, e.fte_pct, e.effective_from, e._batch_id, e._row_no
having e.fte_pct + sum(o.fte_pct) > 100
