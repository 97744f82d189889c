-- depends_on: {{ ref('int_purchase_order__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('purchase_order_key', 'int_purchase_order__touched', 'purchase_order_line_key') }}"
) }}

with lines as (
    {{ rows_to_write('purchase_order_line', 'int_purchase_order__touched', key='purchase_order_key') }}
),

orders as (
    {{ rows_to_write('purchase_order', 'int_purchase_order__touched') }}
)

select
    l.purchase_order_line_key,
    l.purchase_order_key,
    l.source_relation,
    l.po_line_id,
    l.purchase_order_id,
    l.line_number,
    o.company_id,
    o.vendor_id,
    {{ key_of('o', 'vendor_id') }} as vendor_entity_key,
    o.ordered_at,
    o.buyer_id,
    o.approved_by,
    o.status as order_status,
    coalesce(l.expected_date, o.expected_date) as expected_date,
    l.product_id,
    l.description,
    l.ordered_qty,
    l.received_qty,
    l.rejected_qty,
    l.unit_price,
    l.net_amount,
    l.currency_code,
    l._batch_id,
    l._row_hash,
    {{ generation() }} as _generation
from lines as l
inner join orders as o on o.purchase_order_key = l.purchase_order_key
where not l.is_deleted and not o.is_deleted
