{{ config(materialized='table', tags=['daily']) }}

-- what is wrong with settled items; one item may break in several ways
with working_days as (
    select d.date_day, row_number() over (order by d.date_day) as number
    from {{ ref('dim_date') }} as d
    where not d.is_weekend
),

today as (
    select {{ as_of_date() }} as as_of_date
),

-- a day that is no working day counts as the last one before it
numbered as (
    select d.date_day, max(w.number) over (order by d.date_day) as number
    from {{ ref('dim_date') }} as d
    left join working_days as w on w.date_day = d.date_day
),

items as (
    select
        s.*,
        row_number() over (
            partition by s.source_relation, s.provider, s.payment_id order by s.trade_date, s.settlement_id
        ) as repetition
    from {{ ref('fct_settlements') }} as s
),

-- what a provider agreed to at most, for payments it never told of
agreed as (
    select s.source_relation, s.company_id, max(e.number - t.number) as working_days
    from items as s
    inner join numbered as t on t.date_day = s.trade_date
    inner join numbered as e on e.date_day = s.expected_settlement_date
    group by s.source_relation, s.company_id
),

breaks as (
    select
        s.source_relation, s.company_id, s.provider, 'missing' as break_type, 'settlement' as document_type,
        s.settlement_id as document_id, s.payment_id, s.bank_transaction_id, s.trade_date,
        s.expected_settlement_date, s.settled_date, s.currency_code,
        s.net_amount as expected_amount, cast(0 as decimal(18, 4)) as actual_amount,
        s.expected_settlement_date as broken_since, t.as_of_date as broken_until
    from items as s
    cross join today as t
    inner join numbered as e on e.date_day = s.expected_settlement_date
    inner join numbered as n on n.date_day = t.as_of_date
    where s.status <> 'settled' and n.number > e.number + 1
    union all
    select
        p.source_relation, p.company_id, null, 'missing', 'payment', p.payment_id, p.payment_id, null,
        p.payment_date, null, null, p.currency_code, p.amount, cast(0 as decimal(18, 4)),
        p.payment_date, t.as_of_date
    from {{ ref('fct_payments') }} as p
    cross join today as t
    inner join agreed as a on a.source_relation = p.source_relation and a.company_id = p.company_id
    inner join numbered as e on e.date_day = p.payment_date
    inner join numbered as n on n.date_day = t.as_of_date
    where p.method in ('card', 'psp')
        and p.status = 'cleared'
        and p.direction = 'inbound'
        and n.number > e.number + a.working_days + 1
        and p.payment_key not in (select s.payment_key from items as s where s.payment_key is not null)
    union all
    select
        s.source_relation, s.company_id, s.provider, 'fee', 'settlement', s.settlement_id, s.payment_id,
        s.bank_transaction_id, s.trade_date, s.expected_settlement_date, s.settled_date, s.currency_code,
        cast(s.gross_amount - s.fee_amount as decimal(18, 4)), s.net_amount,
        coalesce(s.settled_date, s.expected_settlement_date), t.as_of_date
    from items as s
    cross join today as t
    where s.net_amount <> s.gross_amount - s.fee_amount
    union all
    select
        s.source_relation, s.company_id, s.provider, 'late', 'settlement', s.settlement_id, s.payment_id,
        s.bank_transaction_id, s.trade_date, s.expected_settlement_date, s.settled_date, s.currency_code,
        s.net_amount, s.net_amount, s.expected_settlement_date, s.settled_date
    from items as s
    where s.settled_date > s.expected_settlement_date
    union all
    select
        s.source_relation, s.company_id, s.provider, 'duplicate', 'settlement', s.settlement_id, s.payment_id,
        s.bank_transaction_id, s.trade_date, s.expected_settlement_date, s.settled_date, s.currency_code,
        cast(0 as decimal(18, 4)), s.net_amount, coalesce(s.settled_date, s.expected_settlement_date), t.as_of_date
    from items as s
    cross join today as t
    where s.repetition > 1 and s.payment_id is not null and s.status <> 'chargeback'
    union all
    select
        b.source_relation, b.company_id, b.provider, 'amount', 'bank_transaction', t.bank_transaction_id, null,
        t.bank_transaction_id, null, b.expected_settlement_date, b.settled_date, t.currency_code,
        b.net_amount, t.amount, t.booking_date, d.as_of_date
    from (
        select
            s.bank_transaction_key,
            max(s.source_relation) as source_relation,
            max(s.company_id) as company_id,
            max(s.provider) as provider,
            max(s.expected_settlement_date) as expected_settlement_date,
            max(s.settled_date) as settled_date,
            cast(sum(s.net_amount) as decimal(18, 4)) as net_amount
        from items as s
        where s.bank_transaction_id is not null
        group by s.bank_transaction_key
    ) as b
    inner join {{ ref('fct_bank_transactions') }} as t on t.bank_transaction_key = b.bank_transaction_key
    cross join today as d
    where t.amount <> b.net_amount
)

select
    {{ hashed("b.source_relation || '|' || b.break_type || '|' || b.document_type || '|' || b.document_id") }}
        as settlement_break_key,
    b.source_relation,
    b.company_id,
    b.provider,
    b.break_type,
    b.document_type,
    b.document_id,
    b.payment_id,
    b.bank_transaction_id,
    b.trade_date,
    b.expected_settlement_date,
    b.settled_date,
    cast({{ dbt.datediff('b.broken_since', 'b.broken_until', 'day') }} as integer) as age_days,
    b.currency_code,
    b.expected_amount,
    b.actual_amount,
    cast(case when b.break_type = 'late' then b.expected_amount else b.actual_amount - b.expected_amount end
        as decimal(18, 4)) as break_amount
from breaks as b
