{{ config(meta={
    'invariant': {'id': 'I18', 'contracts': ['purchasing.order', 'inventory.stock']},
    'locator': {'document': 'purchase_order', 'column': 'purchase_order_key'}
}) }}

-- what an order says was received of a line came into stock: the line to look at when stock and ledger part
with received as (
    select m.source_relation, m.source_document_id, sum(m.quantity) as quantity
    from {{ ref('fct_stock_movements') }} as m
    where m.source_document_type = 'purchase_order_line' and m.movement_type in ('receipt', 'return_out')
    group by m.source_relation, m.source_document_id
)

select
    l.purchase_order_key,
    l.source_relation,
    l.po_line_id,
    l.received_qty as expected,
    coalesce(r.quantity, 0) as actual
from {{ ref('base_purchase_order_line') }} as l
inner join {{ ref('base_purchase_order') }} as p
    on p.purchase_order_key = l.purchase_order_key and not p.is_deleted
inner join {{ ref('base_product') }} as i
    on i.product_key = {{ key_of('l', 'product_id') }} and i.is_stocked and not i.is_deleted
left join received as r on r.source_relation = l.source_relation and r.source_document_id = l.po_line_id
where not l.is_deleted
    and l.received_qty <> coalesce(r.quantity, 0)
    and l.source_relation in ({{ relations_with(['purchase_order_line', 'stock_movement']) }})
    and {{ nothing_is_out('l.source_relation', ['stock_movement']) }}
    and {{ not_released('purchase_order', 'l.source_relation', 'l.purchase_order_id') }}
    and {{ is_complete('purchase_order_line', 'l.source_relation', 'l.purchase_order_id') }}
