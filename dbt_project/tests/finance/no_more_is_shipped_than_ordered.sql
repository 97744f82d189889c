{{ config(meta={
    'invariant': {'id': 'I15', 'contracts': ['sales.order', 'sales.shipment']},
    'locator': {'document': 'sales_order', 'column': 'sales_order_key'}
}) }}

-- no more of an order line leaves the house than was ordered and not cancelled; over the orders this build touched
with {{ ordered_and_shipped() }}

select
    l.sales_order_key,
    l.source_relation,
    l.order_id,
    l.order_line_id,
    l.ordered_qty - l.cancelled_qty as expected_qty,
    m.shipped_qty as actual_qty
from order_lines as l
inner join orders as o on o.sales_order_key = l.sales_order_key
inner join moved as m on m.source_relation = l.source_relation and m.order_line_id = l.order_line_id
where not l.is_deleted and not o.is_deleted
    and m.shipped_qty > l.ordered_qty - l.cancelled_qty
    and {{ not_released('sales_order', 'l.source_relation', 'l.order_id') }}
