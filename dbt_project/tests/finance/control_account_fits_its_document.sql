{{ config(meta={
    'invariant': {'id': 'I07', 'contracts': ['finance.invoice', 'finance.journal', 'finance.gl_account']},
    'locator': {'document': 'journal', 'column': 'journal_key'}
}) }}

-- an invoice of ours is posted to receivables, a bill to payables: never the other way round (I07, I08)
select
    e.journal_key,
    e.source_relation,
    e.journal_id,
    e.source_document_type,
    e.source_document_id,
    min(i.direction) as direction,
    min(a.account_number) as account_number
from {{ ref('fct_gl_entries') }} as e
inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
inner join {{ ref('fct_invoices') }} as i on i.invoice_key = {{ key_of('e', 'source_document_id') }}
where e.is_posted
    and e.source_document_type = 'invoice'
    and a.control_for = case i.direction when 'receivable' then 'ap' else 'ar' end
    and e.source_relation in ({{ relations_with(['invoice', 'gl_entry', 'gl_account']) }})
    and {{ not_released('journal', 'e.source_relation', 'e.journal_id') }}
group by e.journal_key, e.source_relation, e.journal_id, e.source_document_type, e.source_document_id
