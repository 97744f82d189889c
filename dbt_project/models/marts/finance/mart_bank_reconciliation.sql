{{ config(materialized='table') }}

with entries as (
    select
        t.source_relation,
        t.company_id,
        t.bank_account_id,
        t.bank_transaction_key,
        t.bank_transaction_id,
        t.gl_account_entity_key,
        t.booking_date,
        t.amount,
        t.currency_code,
        t.end_to_end_id,
        t.remittance_text
    from {{ ref('fct_bank_transactions') }} as t
),

documents as (
    select
        'payment' as document_type,
        p.payment_key as document_key,
        p.source_relation,
        p.company_id,
        p.bank_account_id,
        p.payment_id as document_id,
        p.payment_date as document_date,
        cast(case when p.direction = 'inbound' then p.amount else -p.amount end as decimal(18, 4)) as amount,
        p.currency_code,
        p.method in ('bank_transfer', 'direct_debit', 'cheque', 'payroll_file')
            and p.status in ('pending', 'cleared')
            and p.source_relation in ({{ relations_with(['payment', 'bank_transaction']) }}) as is_expected,
        'payment' as posted_type,
        p.payment_id as posted_id,
        p.run_id as posted_with
    from {{ ref('fct_payments') }} as p
    union all
    select
        'settlement', s.settlement_key, s.source_relation, s.company_id, cast(null as varchar), s.settlement_id,
        s.settled_date, s.net_amount, s.currency_code, false, 'settlement', s.settlement_id, s.payout_batch_id
    from {{ ref('fct_settlements') }} as s
),

journals as (
    select
        l.source_relation,
        l.gl_account_entity_key,
        l.source_document_type,
        l.source_document_id,
        min(l.journal_key) as journal_key,
        min(l.journal_id) as journal_id,
        min(l.posting_date) as posting_date,
        cast(sum(l.amount) as decimal(18, 4)) as amount
    from {{ ref('int_bank__ledger_lines') }} as l
    where l.source_document_type in ('payment', 'settlement')
    group by l.source_relation, l.gl_account_entity_key, l.source_document_type, l.source_document_id
),

matched as (
    select
        e.source_relation,
        e.company_id,
        e.bank_account_id,
        'matched' as match_state,
        m.match_rule,
        m.match_evidence,
        e.bank_transaction_key,
        e.bank_transaction_id,
        e.booking_date,
        e.amount as entry_amount,
        e.currency_code,
        e.end_to_end_id,
        e.remittance_text,
        m.document_type,
        m.document_key,
        m.document_id,
        coalesce(d.document_date, l.posting_date) as document_date,
        coalesce(d.amount, l.amount) as document_amount,
        coalesce(l.journal_key, own.journal_key, joint.journal_key) as journal_key,
        coalesce(l.journal_id, own.journal_id, joint.journal_id) as journal_id,
        coalesce(l.posting_date, own.posting_date, joint.posting_date) as posting_date,
        coalesce(l.amount, own.amount, joint.amount) as ledger_amount,
        count(*) over (partition by m.bank_transaction_key) as documents_of_entry,
        count(*) over (partition by m.document_type, m.document_key, e.bank_account_id) as entries_of_document
    from {{ ref('int_bank__matches') }} as m
    inner join entries as e on e.bank_transaction_key = m.bank_transaction_key
    left join documents as d on d.document_type = m.document_type and d.document_key = m.document_key
    left join {{ ref('int_bank__ledger_lines') }} as l
        on l.journal_key = case when m.document_type = 'journal' then m.document_key end
        and l.gl_account_entity_key = e.gl_account_entity_key
    left join journals as own
        on own.source_relation = d.source_relation
        and own.gl_account_entity_key = e.gl_account_entity_key
        and own.source_document_type = d.posted_type
        and own.source_document_id = d.posted_id
    left join journals as joint
        on joint.source_relation = d.source_relation
        and joint.gl_account_entity_key = e.gl_account_entity_key
        and joint.source_document_type = d.posted_type
        and joint.source_document_id = d.posted_with
),

rows_of_all as (
    select
        m.*,
        -- of a batch paid out in several entries each entry has its part of every document
        cast(case
            when m.documents_of_entry > 1 and m.entries_of_document > 1
                then m.entry_amount * m.document_amount
                    / nullif(sum(m.document_amount) over (partition by m.bank_transaction_key), 0)
            when m.documents_of_entry > 1 then m.document_amount
            else m.entry_amount
        end as decimal(18, 4)) as matched_amount,
        cast(
            sum(m.entry_amount) over (partition by m.document_type, m.document_key, m.bank_account_id)
            - sum(m.document_amount) over (partition by m.bank_transaction_key)
            as decimal(18, 4)
        ) as difference_amount
    from matched as m
    union all
    select
        e.source_relation, e.company_id, e.bank_account_id, 'unmatched_entry', null,
        'no rule finds a document', e.bank_transaction_key, e.bank_transaction_id, e.booking_date, e.amount,
        e.currency_code, e.end_to_end_id, e.remittance_text, null, null, null, null, null, null, null, null, null, 0, 0,
        cast(0 as decimal(18, 4)), e.amount
    from entries as e
    where e.bank_transaction_key not in (select m.bank_transaction_key from {{ ref('int_bank__matches') }} as m)
    union all
    select
        d.source_relation, d.company_id, d.bank_account_id, 'unmatched_payment', null,
        'the bank has not booked it', null, null, null, null,
        d.currency_code, null, null, d.document_type, d.document_key, d.document_id, d.document_date, d.amount,
        null, null, null, null, 0, 0, cast(0 as decimal(18, 4)), cast(-d.amount as decimal(18, 4))
    from documents as d
    where d.is_expected
        and d.document_key not in (
            select m.document_key from {{ ref('int_bank__matches') }} as m where m.document_type = 'payment'
        )
)

select
    {{ hashed(
        "r.source_relation || '|' || coalesce(r.bank_transaction_id, '') || '|' || coalesce(r.document_type, '') || '|' || "
        ~ "coalesce(r.document_id, '')"
    ) }} as bank_reconciliation_key,
    r.source_relation,
    r.company_id,
    r.bank_account_id,
    r.match_state,
    r.match_rule,
    r.match_evidence,
    r.bank_transaction_key,
    r.bank_transaction_id,
    r.booking_date,
    r.entry_amount,
    r.currency_code,
    r.end_to_end_id,
    r.remittance_text,
    r.document_type,
    r.document_id,
    r.document_date,
    r.document_amount,
    r.matched_amount,
    r.difference_amount,
    cast(r.documents_of_entry as integer) as documents_of_entry,
    cast(r.entries_of_document as integer) as entries_of_document,
    r.journal_key,
    r.journal_id,
    r.posting_date,
    r.ledger_amount,
    r.match_state = 'matched' and r.difference_amount = 0 and r.journal_key is not null as is_reconciled
from rows_of_all as r
