{{ config(meta={
    'invariant': {'id': 'I20', 'contracts': ['inventory.stock']},
    'locator': {'document': 'stock_movement', 'column': 'stock_movement_key'}
}) }}

-- what leaves one place comes into another, of the same item and worth; both sides are named, for either may be wrong
with transfers as (
    select
        m.source_relation,
        m.company_id,
        coalesce(m.transfer_id, m.movement_id) as transfer_id,
        sum(m.quantity) as quantity,
        sum(m.value_base) as value_base,
        count(*) as sides,
        count(distinct m.product_id) as products
    from {{ ref('fct_stock_movements') }} as m
    where m.movement_type in ('transfer_in', 'transfer_out')
    group by m.source_relation, m.company_id, coalesce(m.transfer_id, m.movement_id)
)

select
    m.stock_movement_key,
    m.source_relation,
    m.movement_id,
    t.transfer_id,
    0 as expected,
    t.quantity as actual,
    t.value_base as actual_value
from transfers as t
inner join {{ ref('fct_stock_movements') }} as m
    on m.source_relation = t.source_relation
    and m.company_id = t.company_id
    and coalesce(m.transfer_id, m.movement_id) = t.transfer_id
    and m.movement_type in ('transfer_in', 'transfer_out')
where (t.quantity <> 0 or t.value_base <> 0 or t.products <> 1)
    and {{ not_released('stock_movement', 'm.source_relation', 'm.movement_id') }}
    and (t.sides > 1 or {{ nothing_is_out('t.source_relation', ['stock_movement']) }})
