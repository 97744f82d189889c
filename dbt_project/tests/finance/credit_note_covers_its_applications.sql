{{ config(meta={
    'invariant': {'id': 'I11', 'contracts': ['finance.invoice', 'finance.payment']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- a credit note is negative, and no more of it is used than it amounts to, in either currency
select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.order_id,
    i.gross_amount,
    max(o.open_amount) as open_amount,
    max(o.open_amount_base) as open_amount_base
from {{ ref('fct_invoices') }} as i
inner join {{ ref('int_finance__open_items') }} as o on o.item_key = i.invoice_key and o.item_type = 'document'
where i.document_type = 'credit_note'
    and (o.open_amount > 0 or o.open_amount_base > 0 or i.gross_amount > 0)
    and i.source_relation in ({{ relations_with(['invoice', 'payment_allocation']) }})
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
group by i.invoice_key, i.source_relation, i.invoice_id, i.order_id, i.gross_amount
