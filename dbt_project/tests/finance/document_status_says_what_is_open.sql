{{ config(meta={
    'invariant': {'id': 'I09', 'contracts': ['finance.invoice', 'finance.payment']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- a document is paid, or written off, when nothing of it is open in either currency, and not before
select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.order_id,
    i.status,
    o.open_amount,
    o.open_amount_base
from {{ ref('fct_invoices') }} as i
inner join {{ ref('int_finance__open_items') }} as o
    on o.item_key = i.invoice_key and o.item_type = 'document' and o.open_to is null
where i.is_in_ledger
    and (i.status in ('paid', 'written_off')) <> (o.open_amount = 0 and o.open_amount_base = 0)
    -- what is applied beyond its amount is told by its own rule
    and not (i.gross_amount > 0 and (o.open_amount < 0 or o.open_amount_base < 0))
    and not (i.status in ('paid', 'written_off') and not {{ nothing_is_out('i.source_relation', ['payment_allocation']) }})
    and i.source_relation in ({{ relations_with(['invoice', 'payment_allocation']) }})
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
