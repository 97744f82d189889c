{{ config(meta={
    'invariant': {'id': 'I09', 'contracts': ['finance.invoice', 'finance.payment']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- no more is ever applied to a document than it amounts to, in its currency and the functional one. What applications of
-- a credit note break is told of the note (I11)
select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.order_id,
    i.gross_amount,
    min(o.open_amount) as open_amount,
    min(o.open_amount_base) as open_amount_base
from {{ ref('int_finance__open_items') }} as o
inner join {{ ref('fct_invoices') }} as i on i.invoice_key = o.item_key
where o.item_type = 'document'
    and i.gross_amount > 0
    and (o.open_amount < 0 or o.open_amount_base < 0)
    and i.source_relation in ({{ relations_with(['invoice', 'payment_allocation']) }})
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
group by i.invoice_key, i.source_relation, i.invoice_id, i.order_id, i.gross_amount
