{{ config(materialized='table') }}

-- reassessing what is open in foreign currency is no movement of a document
with ledger as (
    select
        e.source_relation,
        e.company_id,
        a.control_for,
        coalesce(e.source_document_type, 'none') as source_document_type,
        e.source_document_id,
        e.posting_date as movement_date,
        case a.control_for when 'ar' then e.amount_base else -e.amount_base end as amount_base,
        e.journal_key
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where a.control_for in ('ar', 'ap') and e.is_posted and e.journal_type <> 'fx_revaluation'
),

applied as (
    select
        a.source_relation,
        i.company_id,
        i.direction,
        case when a.payment_id is null then 'allocation' else 'payment' end as source_document_type,
        -- what is written off is posted for the document
        coalesce(a.payment_id, a.invoice_id) as source_document_id,
        greatest(a.applied_date, i.invoice_date) as applied_date,
        case when a.unapplied_date is not null then greatest(a.unapplied_date, i.invoice_date) end as unapplied_date,
        a.amount_applied_base
    from {{ ref('fct_payment_allocations') }} as a
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = a.invoice_key
    -- a credit note that is used changes nothing: what it settles it has less of
    where a.credit_note_id is null and i.is_in_ledger
),

cash as (
    select
        o.item_key,
        o.open_from,
        o.open_amount_base - lag(o.open_amount_base, 1, 0) over (
            partition by o.item_key order by o.open_from
        ) as amount_base
    from {{ ref('int_finance__open_items') }} as o
    where o.item_type = 'payment'
),

subledger as (
    select
        i.source_relation,
        i.company_id,
        i.direction,
        'invoice' as source_document_type,
        i.invoice_id as source_document_id,
        i.invoice_date as movement_date,
        i.gross_amount_base as amount_base
    from {{ ref('fct_invoices') }} as i
    where i.is_in_ledger

    union all

    select
        a.source_relation, a.company_id, a.direction, a.source_document_type, a.source_document_id,
        a.applied_date, -a.amount_applied_base
    from applied as a

    union all

    select
        a.source_relation, a.company_id, a.direction, a.source_document_type, a.source_document_id,
        a.unapplied_date, a.amount_applied_base
    from applied as a
    where a.unapplied_date is not null

    union all

    select
        p.source_relation, p.company_id, p.settles, 'payment', p.payment_id, c.open_from, c.amount_base
    from cash as c
    inner join ({{ trade_payments() }}) as p on p.payment_key = c.item_key
),

both_sides as (
    select
        l.source_relation, l.company_id, l.control_for, l.source_document_type, l.source_document_id,
        l.movement_date, l.amount_base as ledger_amount_base, 0 as subledger_amount_base, l.journal_key
    from ledger as l

    union all

    select
        s.source_relation, s.company_id, case s.direction when 'receivable' then 'ar' else 'ap' end,
        s.source_document_type, s.source_document_id,
        s.movement_date, 0, s.amount_base, null
    from subledger as s
),

movements as (
    select
        b.source_relation,
        b.company_id,
        b.control_for,
        b.source_document_type,
        b.source_document_id,
        b.movement_date,
        sum(b.ledger_amount_base) as ledger_amount_base,
        sum(b.subledger_amount_base) as subledger_amount_base,
        count(distinct b.journal_key) as postings
    from both_sides as b
    group by
        b.source_relation, b.company_id, b.control_for, b.source_document_type, b.source_document_id, b.movement_date
),

unposted as (
    {{ postings_out() }}
),

-- documents whose other half, or who themselves, are quarantined or wait
not_comparable as (
    select distinct m.source_relation, m.source_document_type, m.source_document_id
    from movements as m
    where {{ key_of('m', 'source_document_id') }} in ({{ keys_out(['invoice', 'payment', 'payment_allocation']) }})
        or exists (
            select 1 from unposted as u
            where u.source_relation = m.source_relation
                and u.source_document_type = m.source_document_type and u.source_document_id = m.source_document_id
        )
        or (
            m.postings = 0
            and exists (
                select 1 from unposted as u
                where u.source_relation = m.source_relation and u.source_document_id is null
            )
        )

    union

    -- what a payment settles that is out is not known; in a foreign currency its rate matters
    select p.source_relation, 'payment', p.payment_id
    from ({{ trade_payments() }}) as p
    inner join {{ ref('int_finance__open_items') }} as o on o.item_key = p.payment_key and o.item_type = 'payment'
    where o.open_to is null and o.open_amount <> 0 and p.amount <> p.amount_base
        and not {{ nothing_is_out('p.source_relation', ['payment_allocation']) }}
)

select
    m.source_relation,
    m.company_id,
    m.control_for,
    m.source_document_type,
    m.source_document_id,
    m.movement_date,
    cast(m.ledger_amount_base as decimal(18, 4)) as ledger_amount_base,
    cast(m.subledger_amount_base as decimal(18, 4)) as subledger_amount_base,
    cast(m.postings as integer) as postings,
    n.source_document_id is null as is_comparable
from movements as m
left join not_comparable as n
    on n.source_relation = m.source_relation
    and n.source_document_type = m.source_document_type and n.source_document_id = m.source_document_id
