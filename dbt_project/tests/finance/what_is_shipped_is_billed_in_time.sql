{{ config(severity='warn') }}

-- deliveries of the last quarter that left two weeks ago or more, and not a line of them was ever billed
with {{ orders_unseen() }},

left_the_house as (
    {{ few_rows(
        ref('base_shipment'),
        't.shipped_at > ' ~ as_of() ~ ' - interval 90 day and t.shipped_at < ' ~ as_of() ~ ' - interval 14 day'
    ) }}
)

select
    s.shipment_key,
    s.source_relation,
    s.shipment_id,
    s.order_id,
    s.shipped_at
from left_the_house as s
inner join {{ ref('base_sales_order') }} as o on o.sales_order_key = {{ key_of('s', 'order_id') }}
where s.direction = 'outbound' and s.status not in ('planned', 'picked', 'cancelled')
    and not s.is_deleted and not o.is_deleted and o.status <> 'cancelled'
    and not exists (
        select 1
        from {{ ref('base_shipment_line') }} as l
        inner join {{ ref('fct_invoice_lines') }} as b
            on b.source_relation = l.source_relation and b.order_line_id = l.order_line_id
            and b.direction = 'receivable' and b.is_in_ledger
        where l.shipment_key = s.shipment_key and not l.is_deleted
    )
    and {{ is_complete('shipment_line', 's.source_relation', 's.shipment_id') }}
    and not exists (
        select 1 from orders_unseen as u
        where u.source_relation = s.source_relation and coalesce(u.order_id, s.order_id) = s.order_id
    )
    and s.source_relation in ({{ relations_with(['shipment_line', 'invoice_line']) }})
