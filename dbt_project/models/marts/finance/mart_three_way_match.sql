{{ config(materialized='table') }}

with received as (
    select r.purchase_order_line_key, sum(r.quantity) as quantity, max(r.posting_at) as last_received_at
    from ({{ goods_receipts() }}) as r
    group by r.purchase_order_line_key
),

billed as (
    select
        b.purchase_order_line_key,
        sum(b.quantity) as quantity,
        sum(b.net_amount) as net_amount,
        min(b.unit_price) as lowest_price,
        max(b.unit_price) as highest_price,
        count(distinct b.invoice_key) as bills,
        max(b.invoice_date) as last_billed_on
    from ({{ bills_of_orders() }}) as b
    group by b.purchase_order_line_key
),

compared as (
    select
        l.*,
        r.quantity as stock_qty,
        r.last_received_at,
        coalesce(b.quantity, 0) as billed_qty,
        coalesce(b.net_amount, 0) as billed_net_amount,
        b.lowest_price,
        b.highest_price,
        coalesce(b.bills, 0) as bills,
        b.last_billed_on,
        coalesce(b.lowest_price <> l.unit_price or b.highest_price <> l.unit_price, false) as is_price_different
    from {{ ref('fct_purchase_order_lines') }} as l
    left join received as r on r.purchase_order_line_key = l.purchase_order_line_key
    left join billed as b on b.purchase_order_line_key = l.purchase_order_line_key
)

select
    c.purchase_order_line_key,
    c.source_relation,
    c.company_id,
    c.vendor_id,
    c.vendor_entity_key,
    c.purchase_order_id,
    c.po_line_id,
    c.product_id,
    c.ordered_at,
    c.expected_date,
    c.order_status,
    c.ordered_qty,
    c.received_qty,
    c.rejected_qty,
    cast(c.stock_qty as decimal(18, 4)) as stock_qty,
    cast(c.billed_qty as decimal(18, 4)) as billed_qty,
    cast(c.bills as integer) as bills,
    c.currency_code,
    c.unit_price as order_price,
    c.lowest_price as lowest_billed_price,
    c.highest_price as highest_billed_price,
    cast(c.billed_net_amount as decimal(18, 4)) as billed_net_amount,
    cast(round(c.billed_net_amount - {{ times('c.billed_qty', 'c.unit_price') }}, 2) as decimal(18, 4)) as price_variance_amount,
    cast(c.billed_qty - c.received_qty as decimal(18, 4)) as billed_beyond_received_qty,
    c.last_received_at,
    c.last_billed_on,
    case
        when c.order_status = 'cancelled' and c.billed_qty = 0 then 'cancelled'
        when c.billed_qty > 0 and c.is_price_different then 'price_differs'
        when c.billed_qty > c.received_qty then 'billed_beyond_receipt'
        when c.received_qty > c.ordered_qty then 'received_beyond_order'
        when c.received_qty = 0 and c.rejected_qty = 0 then 'not_received'
        when c.billed_qty = 0 and c.received_qty > 0 then 'not_billed'
        when c.billed_qty < c.received_qty then 'partly_billed'
        when c.received_qty + c.rejected_qty < c.ordered_qty then 'partly_received'
        else 'matched'
    end as match_status,
    case
        when c.billed_qty > 0
            then not c.is_price_different and c.billed_qty <= c.received_qty and c.received_qty <= c.ordered_qty
    end as is_matched
from compared as c
