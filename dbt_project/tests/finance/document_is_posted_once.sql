{{ config(meta={
    'invariant': {'id': 'I37', 'contracts': ['finance.invoice', 'finance.journal', 'finance.gl_account']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- each document has one posting, on its day, with its amount on the control account of its direction. Posted to the other
-- control account it is the journal that is wrong; what a company opens with is posted in sum
with misdirected as (
    select distinct m.source_relation, m.source_document_id
    from {{ ref('int_finance__control_movements') }} as m
    inner join {{ ref('fct_invoices') }} as i
        on i.source_relation = m.source_relation and i.invoice_id = m.source_document_id
    where m.source_document_type = 'invoice' and m.postings > 0
        and m.control_for <> case i.direction when 'receivable' then 'ar' else 'ap' end
)

select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.order_id,
    min(i.gross_amount_base) as expected_amount_base,
    sum(m.ledger_amount_base) as actual_amount_base,
    sum(m.postings) as postings
from {{ ref('int_finance__control_movements') }} as m
inner join {{ ref('fct_invoices') }} as i
    on i.source_relation = m.source_relation and i.invoice_id = m.source_document_id
left join misdirected as d on d.source_relation = m.source_relation and d.source_document_id = m.source_document_id
where m.source_document_type = 'invoice'
    and m.is_comparable
    and i.is_in_ledger
    and i.document_type <> 'opening_balance'
    and d.source_document_id is null
    and i.source_relation in ({{ relations_with(['invoice', 'gl_entry', 'gl_account']) }})
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
group by i.invoice_key, i.source_relation, i.invoice_id, i.order_id
having sum(m.postings) <> 1 or bool_or(m.ledger_amount_base <> m.subledger_amount_base)
