{{ config(meta={
    'invariant': {'id': 'I32', 'contracts': ['finance.settlement', 'finance.bank']},
    'locator': {'document': 'settlement', 'column': 'settlement_key'}
}) }}

-- What the bank booked as a payout is the net of the items it was for. Of a payout that is not, those items are named whose
-- fee is not what their provider takes of such an amount (a share and a fixed part, as payouts that are right tell); all of
-- them, for any may be wrong, when none is. When an item or the statement is wrong by itself, that is named, elsewhere.
with broken as (
    {{ statements_that_do_not_add_up() }}
),

paid_out as (
    select
        s.source_relation,
        s.bank_transaction_key,
        sum(s.net_amount) as net_amount,
        max(case when s.net_amount <> s.gross_amount - s.fee_amount or s.gross_amount <> p.amount then 1 else 0 end)
            as is_explained
    from {{ ref('fct_settlements') }} as s
    left join {{ ref('fct_payments') }} as p
        on p.payment_key = s.payment_key and p.currency_code = s.currency_code
    where s.status = 'settled' and s.bank_transaction_id is not null
    group by s.source_relation, s.bank_transaction_key
),

compared as (
    select p.source_relation, p.bank_transaction_key, p.net_amount, p.is_explained, t.amount, t.bank_statement_key
    from paid_out as p
    inner join {{ ref('fct_bank_transactions') }} as t on t.bank_transaction_key = p.bank_transaction_key
),

-- items of the same provider and currency in payouts that are right
terms as (
    select
        s.source_relation,
        s.provider,
        s.currency_code,
        regr_slope(cast(s.fee_amount as double), cast(s.gross_amount as double)) as fee_share,
        regr_intercept(cast(s.fee_amount as double), cast(s.gross_amount as double)) as fixed_fee
    from {{ ref('fct_settlements') }} as s
    inner join compared as c on c.bank_transaction_key = s.bank_transaction_key
    where c.amount = c.net_amount and s.status = 'settled'
    group by s.source_relation, s.provider, s.currency_code
    having count(distinct s.gross_amount) > 2
),

items as (
    select
        s.settlement_key,
        s.source_relation,
        s.settlement_id,
        s.bank_transaction_id,
        s.fee_amount,
        c.amount,
        c.net_amount,
        -- rounding is half of the smallest unit either way
        coalesce(
            abs(cast(s.fee_amount as double) - (e.fixed_fee + e.fee_share * cast(s.gross_amount as double)))
            > cast({{ minor_unit('s.currency_code') }} as double),
            false
        ) as is_unusual
    from compared as c
    inner join {{ ref('fct_settlements') }} as s
        on s.bank_transaction_key = c.bank_transaction_key and s.status = 'settled'
    left join terms as e
        on e.source_relation = s.source_relation and e.provider = s.provider and e.currency_code = s.currency_code
    where c.amount <> c.net_amount
        and c.is_explained = 0
        and c.bank_statement_key not in (select b.bank_statement_key from broken as b)
),

judged as (
    select i.*, bool_or(i.is_unusual) over (partition by i.source_relation, i.bank_transaction_id) as is_told_apart
    from items as i
)

select
    i.settlement_key,
    i.source_relation,
    i.settlement_id,
    i.bank_transaction_id,
    i.fee_amount,
    i.amount as expected,
    i.net_amount as actual
from judged as i
where i.is_unusual = i.is_told_apart
    and {{ nothing_is_out_of('settlement', 'bank_transaction_id', 'i.source_relation', 'i.bank_transaction_id') }}
    and {{ not_released('settlement', 'i.source_relation', 'i.settlement_id') }}
