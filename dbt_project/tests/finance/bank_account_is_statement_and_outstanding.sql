{{ config(meta={'invariant': {
    'id': 'I30', 'contracts': ['finance.bank', 'finance.payment', 'finance.settlement', 'finance.journal', 'finance.gl_account']
}}) }}

-- On every day the ledger's bank account is the balance at the bank and what one of them has and the other has not yet:
-- payments the bank books later, and entries of which the document is dated later.
with pairs as (
    select
        m.document_type,
        m.document_key,
        t.gl_account_entity_key,
        min(t.booking_date) as booking_date
    from {{ ref('int_bank__matches') }} as m
    inner join {{ ref('fct_bank_transactions') }} as t on t.bank_transaction_key = m.bank_transaction_key
    group by m.document_type, m.document_key, t.gl_account_entity_key
),

documents as (
    select
        p.source_relation,
        a.gl_account_entity_key,
        p.payment_date as day,
        m.booking_date,
        case when p.direction = 'inbound' then p.amount else -p.amount end as amount
    from {{ ref('fct_payments') }} as p
    inner join (
        select distinct b.source_relation, b.bank_account_id, {{ key_of('b', 'gl_account_id') }} as gl_account_entity_key
        from {{ ref('base_bank_account') }} as b
        where not b.is_deleted
    ) as a on a.source_relation = p.source_relation and a.bank_account_id = p.bank_account_id
    left join pairs as m
        on m.document_key = p.payment_key and m.document_type = 'payment'
    where p.method in ('bank_transfer', 'direct_debit', 'cheque', 'payroll_file') and p.status in ('pending', 'cleared')
    union all
    select s.source_relation, m.gl_account_entity_key, s.settled_date, m.booking_date, s.net_amount
    from {{ ref('fct_settlements') }} as s
    inner join pairs as m on m.document_key = s.settlement_key and m.document_type = 'settlement'
    where s.settled_date is not null
    union all
    select l.source_relation, l.gl_account_entity_key, l.posting_date, m.booking_date, l.amount
    from {{ ref('int_bank__ledger_lines') }} as l
    inner join pairs as m
        on m.document_key = l.journal_key
        and m.gl_account_entity_key = l.gl_account_entity_key
        and m.document_type = 'journal'
),

outstanding as (
    select d.source_relation, d.gl_account_entity_key, d.day, d.amount
    from documents as d
    where d.booking_date is null or d.booking_date <> d.day
    union all
    select d.source_relation, d.gl_account_entity_key, d.booking_date, -d.amount
    from documents as d
    where d.booking_date <> d.day
),

-- several accounts at the bank may be one in the ledger
at_bank as (
    select
        f.source_relation,
        {{ key_of('b', 'gl_account_id') }} as gl_account_entity_key,
        f.company_id,
        f.cash_date as day,
        sum(f.closing_balance) as balance
    from {{ ref('mart_cash_flow') }} as f
    inner join {{ ref('base_bank_account') }} as b
        on b.source_relation = f.source_relation and b.bank_account_id = f.bank_account_id
    group by f.source_relation, {{ key_of('b', 'gl_account_id') }}, f.company_id, f.cash_date
),

moved as (
    select l.source_relation, l.gl_account_entity_key, l.posting_date as day, l.amount as ledger, 0 as outstanding
    from {{ ref('int_bank__ledger_lines') }} as l
    union all
    select o.source_relation, o.gl_account_entity_key, o.day, 0, o.amount
    from outstanding as o
),

-- what was before the first day at the bank counts on it
framed as (
    select
        m.source_relation,
        m.gl_account_entity_key,
        greatest(m.day, f.first_day) as day,
        sum(m.ledger) as ledger,
        sum(m.outstanding) as outstanding
    from moved as m
    inner join (
        select b.gl_account_entity_key, min(b.day) as first_day from at_bank as b group by b.gl_account_entity_key
    ) as f on f.gl_account_entity_key = m.gl_account_entity_key
    group by m.source_relation, m.gl_account_entity_key, greatest(m.day, f.first_day)
),

days as (
    select
        b.source_relation,
        b.company_id,
        b.gl_account_entity_key,
        b.day,
        b.balance,
        sum(coalesce(f.ledger, 0)) over (partition by b.gl_account_entity_key order by b.day) as ledger,
        sum(coalesce(f.outstanding, 0)) over (partition by b.gl_account_entity_key order by b.day) as outstanding
    from at_bank as b
    left join framed as f on f.gl_account_entity_key = b.gl_account_entity_key and f.day = b.day
),

apart as (
    select
        d.*,
        d.ledger - d.balance - d.outstanding as difference,
        lag(d.ledger - d.balance - d.outstanding, 1, 0) over (
            partition by d.gl_account_entity_key order by d.day
        ) as difference_before
    from days as d
)

-- the days on which they part, or come together by another amount
select
    d.source_relation,
    d.company_id,
    a.account_id,
    d.day,
    d.balance + d.outstanding as expected,
    d.ledger as actual
from apart as d
inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = d.gl_account_entity_key
where d.difference <> d.difference_before
    and d.source_relation in ({{ relations_with(['bank_statement', 'bank_transaction', 'payment', 'gl_entry']) }})
    -- what a missing statement tells is in no entry
    and d.gl_account_entity_key not in (
        select {{ key_of('b', 'gl_account_id') }}
        from ({{ missing_statements() }}) as g
        inner join {{ ref('base_bank_account') }} as b
            on b.source_relation = g.source_relation and b.bank_account_id = g.bank_account_id
        where b.gl_account_id is not null
    )
    and {{ nothing_is_out(
        'd.source_relation', ['bank_statement', 'bank_transaction', 'payment', 'settlement', 'gl_entry', 'bank_account']
    ) }}
