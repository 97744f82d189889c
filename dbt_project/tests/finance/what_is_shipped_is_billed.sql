{{ config(meta={
    'invariant': {'id': 'I16', 'contracts': ['sales.order', 'sales.shipment', 'finance.invoice']},
    'locator': {'document': 'sales_order', 'column': 'sales_order_key'}
}) }}

-- of an order that is invoiced every line is billed as it was shipped, and no more is credited than came back (a credit note
-- may take some days); of any other no more is billed than was shipped. Over the orders this build touched
with {{ ordered_and_shipped() }},

billed as (
    select
        b.source_relation,
        b.order_line_id,
        sum(case when b.document_type <> 'credit_note' then b.quantity else 0 end) as billed_qty,
        -sum(case when b.document_type = 'credit_note' then b.quantity else 0 end) as credited_qty
    from {{ ref('fct_invoice_lines') }} as b
    where b.direction = 'receivable' and b.is_in_ledger and b.order_line_id is not null
        and (b.source_relation, b.order_line_id) in (select (k.source_relation, k.order_line_id) from order_lines as k)
    group by b.source_relation, b.order_line_id
),

{{ orders_unseen() }},

compared as (
    select
        l.sales_order_key,
        l.source_relation,
        l.order_id,
        l.order_line_id,
        o.status,
        coalesce(m.shipped_qty, 0) as shipped_qty,
        coalesce(m.returned_qty, 0) as returned_qty,
        coalesce(b.billed_qty, 0) as billed_qty,
        coalesce(b.credited_qty, 0) as credited_qty
    from order_lines as l
    inner join orders as o on o.sales_order_key = l.sales_order_key
    left join moved as m on m.source_relation = l.source_relation and m.order_line_id = l.order_line_id
    left join billed as b on b.source_relation = l.source_relation and b.order_line_id = l.order_line_id
    where not l.is_deleted and not o.is_deleted
)

select
    c.sales_order_key,
    c.source_relation,
    c.order_id,
    c.order_line_id,
    c.shipped_qty - c.returned_qty as expected_qty,
    c.billed_qty - c.credited_qty as actual_qty
from compared as c
where (
    (c.billed_qty > c.shipped_qty and {{ nothing_is_out('c.source_relation', ['shipment', 'shipment_line']) }})
    or (c.credited_qty > c.returned_qty and {{ nothing_is_out('c.source_relation', ['shipment', 'shipment_line']) }})
    or (
        c.status = 'invoiced' and c.billed_qty < c.shipped_qty
        and not exists (
            select 1 from orders_unseen as u
            where u.source_relation = c.source_relation and coalesce(u.order_id, c.order_id) = c.order_id
        )
    )
)
    and c.source_relation in ({{ relations_with(['sales_order_line', 'shipment_line', 'invoice_line']) }})
    and {{ not_released('sales_order', 'c.source_relation', 'c.order_id') }}
