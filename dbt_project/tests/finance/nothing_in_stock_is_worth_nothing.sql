{{ config(meta={'invariant': {'id': 'I19', 'contracts': ['inventory.stock']}}) }}

-- of an item of which there is nothing at a place at the end of a day, nothing is in the books
with days as (
    select
        m.source_relation,
        m.company_id,
        m.product_id,
        m.location_id,
        m.posting_date,
        sum(sum(m.quantity)) over (
            partition by m.source_relation, m.company_id, m.product_id, m.location_id order by m.posting_date
        ) as quantity,
        sum(sum(m.value_base)) over (
            partition by m.source_relation, m.company_id, m.product_id, m.location_id order by m.posting_date
        ) as value_base
    from {{ ref('fct_stock_movements') }} as m
    group by m.source_relation, m.company_id, m.product_id, m.location_id, m.posting_date
)

select d.source_relation, d.company_id, d.product_id, d.location_id, d.posting_date, 0 as expected, d.value_base as actual
from days as d
where d.quantity = 0
    and d.value_base <> 0
    and {{ nothing_is_out('d.source_relation', ['stock_movement', 'purchase_order', 'purchase_order_line']) }}
