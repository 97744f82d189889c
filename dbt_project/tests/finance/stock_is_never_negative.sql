{{ config(meta={'invariant': {'id': 'I17', 'contracts': ['inventory.stock']}}) }}

-- at the end of no day is there less than nothing of an item at a place
with days as (
    select
        m.source_relation,
        m.company_id,
        m.product_id,
        m.location_id,
        m.posting_date,
        sum(sum(m.quantity)) over (
            partition by m.source_relation, m.company_id, m.product_id, m.location_id order by m.posting_date
        ) as quantity
    from {{ ref('fct_stock_movements') }} as m
    group by m.source_relation, m.company_id, m.product_id, m.location_id, m.posting_date
)

select d.source_relation, d.company_id, d.product_id, d.location_id, d.posting_date, 0 as expected, d.quantity as actual
from days as d
where d.quantity < 0
    and {{ nothing_is_out('d.source_relation', ['stock_movement', 'purchase_order', 'purchase_order_line']) }}
