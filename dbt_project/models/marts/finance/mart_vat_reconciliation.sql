{{ config(materialized='table') }}

-- grain: company, month, side: the tax of the documents beside what was posted to the tax accounts with them
with documents as (
    select
        t.source_relation,
        t.company_id,
        cast(date_trunc('month', t.invoice_date) as date) as month_start,
        sum(case when t.direction = 'receivable' then t.tax_base else -t.tax_base end) as payable_base
    from {{ ref('int_finance__taxed') }} as t
    group by t.source_relation, t.company_id, cast(date_trunc('month', t.invoice_date) as date)
),

ledger as (
    select
        e.source_relation,
        e.company_id,
        cast(date_trunc('month', e.posting_date) as date) as month_start,
        sum(case when e.source_document_type = 'invoice' then -e.amount_base else 0 end) as posted_base,
        sum(case when e.source_document_type is distinct from 'invoice' then -e.amount_base else 0 end) as settled_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and a.control_for = 'tax'
    group by e.source_relation, e.company_id, cast(date_trunc('month', e.posting_date) as date)
),

months as (
    select
        coalesce(d.source_relation, l.source_relation) as source_relation,
        coalesce(d.company_id, l.company_id) as company_id,
        coalesce(d.month_start, l.month_start) as month_start,
        coalesce(d.payable_base, 0) as documents_base,
        coalesce(l.posted_base, 0) as posted_base,
        coalesce(l.settled_base, 0) as settled_base
    from documents as d
    full outer join ledger as l
        on l.source_relation = d.source_relation and l.company_id = d.company_id and l.month_start = d.month_start
)

select
    {{ hashed("m.source_relation || '|' || m.company_id || '|' || cast(m.month_start as varchar)") }}
        as vat_reconciliation_key,
    m.source_relation,
    m.company_id,
    c.legal_name as company_name,
    m.month_start,
    c.functional_currency as currency_code,
    cast(m.documents_base as decimal(18, 4)) as documents_base,
    cast(m.posted_base as decimal(18, 4)) as posted_base,
    cast(m.documents_base - m.posted_base as decimal(18, 4)) as difference_base,
    cast(m.settled_base as decimal(18, 4)) as settled_base
from months as m
inner join {{ ref('dim_company') }} as c on c.source_relation = m.source_relation and c.company_id = m.company_id
-- a source without a ledger has nothing to compare its documents with
where m.source_relation in ({{ relations_with(['invoice', 'gl_entry', 'gl_account']) }})
