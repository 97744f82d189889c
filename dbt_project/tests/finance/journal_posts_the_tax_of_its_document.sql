{{ config(meta={
    'invariant': {'id': 'I34', 'contracts': ['finance.invoice', 'finance.journal', 'finance.gl_account']},
    'locator': {'document': 'journal', 'column': 'journal_key'}
}) }}

-- the journal of a document posts its tax to the tax accounts. Compared where both are there
with posted as (
    select
        e.journal_key,
        e.source_relation,
        e.journal_id,
        e.source_document_type,
        e.source_document_id,
        sum(case when a.control_for = 'tax' then -e.amount_base else 0 end) as tax_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted
        and e.source_document_type = 'invoice'
        and {{ not_released('journal', 'e.source_relation', 'e.journal_id') }}
        and {{ is_complete('gl_entry', 'e.source_relation', 'e.journal_id') }}
    group by e.journal_key, e.source_relation, e.journal_id, e.source_document_type, e.source_document_id
),

compared as (
    select
        p.*,
        case i.direction when 'receivable' then i.tax_amount_base else -i.tax_amount_base end as expected_base,
        sum(p.tax_base) over (partition by i.invoice_key) as actual_base
    from posted as p
    inner join {{ ref('fct_invoices') }} as i
        on i.source_relation = p.source_relation and i.invoice_id = p.source_document_id
    where i.is_in_ledger and i.tax_amount_base is not null
)

select
    c.journal_key,
    c.source_relation,
    c.journal_id,
    c.source_document_type,
    c.source_document_id,
    c.expected_base as expected,
    c.actual_base as actual
from compared as c
where c.expected_base <> c.actual_base
    and c.source_relation in ({{ relations_with(['invoice', 'gl_entry', 'gl_account']) }})
