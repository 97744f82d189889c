{{ config(materialized='table') }}

-- Which document each bank entry belongs to, by rules in the order of their strength. A rule looks at what the rules
-- before it left. What a rule says of itself is its evidence; there is no score.
with entries as (
    select
        t.source_relation,
        t.bank_account_id,
        t.gl_account_entity_key,
        t.company_id,
        t.bank_transaction_key,
        t.bank_transaction_id,
        t.booking_date,
        t.amount,
        t.currency_code,
        t.end_to_end_id,
        lower(coalesce(t.remittance_text, '')) as says
    from {{ ref('fct_bank_transactions') }} as t
),

payments as (
    select
        p.source_relation,
        p.bank_account_id,
        p.payment_key,
        p.payment_id,
        p.payment_date,
        p.reference,
        p.run_id,
        p.currency_code,
        p.method in ('bank_transfer', 'direct_debit', 'cheque', 'payroll_file')
            and p.status in ('pending', 'cleared') as is_expected,
        cast(case when p.direction = 'inbound' then p.amount else -p.amount end as decimal(18, 4)) as amount
    from {{ ref('fct_payments') }} as p
),

-- 1 the payer's id is our payment, however many entries it took
by_end_to_end as (
    select
        e.bank_transaction_key,
        'payment' as document_type,
        p.payment_key as document_key,
        p.payment_id as document_id,
        'end_to_end_id' as match_rule,
        'end-to-end id ' || e.end_to_end_id || ' is the payment' as match_evidence
    from entries as e
    inner join payments as p
        on p.source_relation = e.source_relation
        and p.bank_account_id = e.bank_account_id
        and p.payment_id = e.end_to_end_id
),

-- 2 the provider names the entry it paid out with, or the payout names the batch
by_settlement as (
    select
        e.bank_transaction_key,
        'settlement' as document_type,
        s.settlement_key as document_key,
        s.settlement_id as document_id,
        'settlement' as match_rule,
        'settled items of batch ' || s.payout_batch_id || ' name the entry' as match_evidence
    from {{ ref('fct_settlements') }} as s
    inner join entries as e on e.bank_transaction_key = s.bank_transaction_key
    union all
    select
        e.bank_transaction_key,
        'settlement',
        s.settlement_key,
        s.settlement_id,
        'settlement',
        'end-to-end id is the batch ' || s.payout_batch_id
    from {{ ref('fct_settlements') }} as s
    inner join entries as e
        on e.source_relation = s.source_relation
        and e.company_id = s.company_id
        and e.end_to_end_id = s.payout_batch_id
    where s.bank_transaction_id is null
),

entries_3 as (
    select e.* from entries as e
    where e.bank_transaction_key not in (select m.bank_transaction_key from by_end_to_end as m)
        and e.bank_transaction_key not in (select m.bank_transaction_key from by_settlement as m)
),

payments_3 as (
    select p.* from payments as p
    where p.is_expected and p.payment_key not in (select m.document_key from by_end_to_end as m)
),

-- 3 one entry for a whole payment run: it says the run, and the payments of it add up to the entry
runs as (
    select p.source_relation, p.bank_account_id, p.run_id, sum(p.amount) as amount, count(*) as payments
    from payments_3 as p
    where p.run_id is not null
    group by p.source_relation, p.bank_account_id, p.run_id
),

by_run as (
    select
        e.bank_transaction_key,
        'payment' as document_type,
        p.payment_key as document_key,
        p.payment_id as document_id,
        'payment_run' as match_rule,
        'the entry says run ' || r.run_id || ', whose ' || cast(r.payments as varchar) || ' payments add up to it'
            as match_evidence
    from entries_3 as e
    inner join runs as r
        on r.source_relation = e.source_relation
        and r.bank_account_id = e.bank_account_id
        and r.amount = e.amount
        and (r.run_id = e.end_to_end_id or position(lower(r.run_id) in e.says) > 0)
    inner join payments_3 as p
        on p.source_relation = r.source_relation and p.bank_account_id = r.bank_account_id and p.run_id = r.run_id
),

entries_4 as (
    select e.* from entries_3 as e
    where e.bank_transaction_key not in (select m.bank_transaction_key from by_run as m)
),

payments_4 as (
    select p.* from payments_3 as p where p.payment_key not in (select m.document_key from by_run as m)
),

-- 4 the same reference, and what has it adds up on both sides: one entry and one or several payments, or the reverse
referred as (
    select e.bank_transaction_key, p.payment_key, p.payment_id, p.reference, e.amount as entry_amount,
        p.amount as payment_amount, e.source_relation, e.bank_account_id
    from entries_4 as e
    inner join payments_4 as p
        on p.source_relation = e.source_relation
        and p.bank_account_id = e.bank_account_id
        and p.reference <> ''
        and (p.reference = e.end_to_end_id or position(lower(p.reference) in e.says) > 0)
        and sign(p.amount) = sign(e.amount)
        and abs({{ dbt.datediff('p.payment_date', 'e.booking_date', 'day') }}) <= 10
),

by_reference as (
    select
        r.bank_transaction_key,
        'payment' as document_type,
        r.payment_key as document_key,
        r.payment_id as document_id,
        'reference_and_amount' as match_rule,
        'both say ' || r.reference || ', and the amounts add up' as match_evidence
    from (
        select
            r.*,
            count(*) over (partition by r.bank_transaction_key) as payments_of_entry,
            count(*) over (partition by r.payment_key) as entries_of_payment,
            sum(r.payment_amount) over (partition by r.bank_transaction_key) as paid,
            sum(r.entry_amount) over (partition by r.payment_key) as booked
        from referred as r
    ) as r
    where (r.entries_of_payment = 1 and r.paid = r.entry_amount)
        or (r.payments_of_entry = 1 and r.booked = r.payment_amount)
),

entries_5 as (
    select e.* from entries_4 as e
    where e.bank_transaction_key not in (select m.bank_transaction_key from by_reference as m)
),

payments_5 as (
    select p.* from payments_4 as p where p.payment_key not in (select m.document_key from by_reference as m)
),

-- 5 the ledger names the entry itself: fees, interest and what else has no payment
by_ledger as (
    select
        e.bank_transaction_key,
        'journal' as document_type,
        l.journal_key as document_key,
        l.journal_id as document_id,
        'ledger_reference' as match_rule,
        'journal ' || l.journal_id || ' is posted from the entry' as match_evidence
    from entries_5 as e
    inner join {{ ref('int_bank__ledger_lines') }} as l
        on l.source_relation = e.source_relation
        and l.gl_account_entity_key = e.gl_account_entity_key
        and l.source_document_type = 'bank_transaction'
        and l.source_document_id = e.bank_transaction_id
),

entries_6 as (
    select e.* from entries_5 as e
    where e.bank_transaction_key not in (select m.bank_transaction_key from by_ledger as m)
),

-- 6 an amount that only one entry and one document have within five days
amounts as (
    select e.bank_transaction_key, 'payment' as document_type, p.payment_key as document_key,
        p.payment_id as document_id, e.bank_account_id, 'payment ' || p.payment_id as document,
        p.payment_date as document_date
    from entries_6 as e
    inner join payments_5 as p
        on p.source_relation = e.source_relation
        and p.bank_account_id = e.bank_account_id
        and p.amount = e.amount
        and abs({{ dbt.datediff('p.payment_date', 'e.booking_date', 'day') }}) <= 5
    union all
    select e.bank_transaction_key, 'journal', l.journal_key, l.journal_id, e.bank_account_id,
        'journal ' || l.journal_id, l.posting_date
    from entries_6 as e
    inner join {{ ref('int_bank__ledger_lines') }} as l
        on l.source_relation = e.source_relation
        and l.gl_account_entity_key = e.gl_account_entity_key
        and l.amount = e.amount
        and abs({{ dbt.datediff('l.posting_date', 'e.booking_date', 'day') }}) <= 5
    where coalesce(l.source_document_type, 'manual') in ('bank_transaction', 'manual')
        and l.journal_type <> 'opening'
        and l.journal_key not in (select m.document_key from by_ledger as m)
),

by_amount as (
    select
        a.bank_transaction_key,
        a.document_type,
        a.document_key,
        a.document_id,
        'amount_and_day' as match_rule,
        'only ' || a.document || ' of ' || cast(a.document_date as varchar) || ' has this amount within five days'
            as match_evidence
    from (
        select
            a.*,
            count(*) over (partition by a.bank_transaction_key) as choices,
            -- money moved between two own accounts is one journal
            count(*) over (partition by a.document_type, a.document_key, a.bank_account_id) as claims
        from amounts as a
    ) as a
    where a.choices = 1 and a.claims = 1
),

matches as (
    select m.*, 1 as match_order from by_end_to_end as m
    union all
    select m.*, 2 from by_settlement as m
    union all
    select m.*, 3 from by_run as m
    union all
    select m.*, 4 from by_reference as m
    union all
    select m.*, 5 from by_ledger as m
    union all
    select m.*, 6 from by_amount as m
)

select m.bank_transaction_key, m.document_type, m.document_key, m.document_id, m.match_rule, m.match_evidence
from (
    select m.*, min(m.match_order) over (partition by m.bank_transaction_key) as first_order
    from matches as m
) as m
where m.match_order = m.first_order
