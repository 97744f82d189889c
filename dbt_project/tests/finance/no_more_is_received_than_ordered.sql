{{ config(meta={
    'invariant': {'id': 'I22', 'contracts': ['purchasing.order']},
    'locator': {'document': 'purchase_order', 'column': 'purchase_order_key'}
}) }}

-- no more is received of an order line than was ordered
select
    l.purchase_order_key,
    l.source_relation,
    l.purchase_order_id,
    l.po_line_id,
    l.ordered_qty,
    l.received_qty,
    l.rejected_qty
from {{ ref('fct_purchase_order_lines') }} as l
where l.received_qty > l.ordered_qty
    and {{ not_released('purchase_order', 'l.source_relation', 'l.purchase_order_id') }}
