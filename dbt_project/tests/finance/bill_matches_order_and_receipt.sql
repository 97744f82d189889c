{{ config(meta={
    'invariant': {'id': 'I22', 'contracts': ['purchasing.order', 'finance.invoice']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- a bill takes the price of the order, and no more is billed than came: of several bills of a line the one that goes beyond
select
    b.invoice_key,
    b.source_relation,
    b.invoice_id,
    b.order_id,
    l.po_line_id,
    l.unit_price as order_price,
    b.unit_price as billed_price,
    l.received_qty,
    b.billed_until as billed_qty
from ({{ bills_of_orders() }}) as b
inner join {{ ref('fct_purchase_order_lines') }} as l on l.purchase_order_line_key = b.purchase_order_line_key
where (
    (b.quantity > 0 and (b.unit_price <> l.unit_price or b.currency_code <> l.currency_code))
    or (b.quantity > 0 and b.billed_until > l.received_qty)
)
    and b.source_relation in ({{ relations_with(['purchase_order', 'purchase_order_line', 'invoice', 'invoice_line']) }})
    and {{ not_released('invoice', 'b.source_relation', 'b.invoice_id') }}
