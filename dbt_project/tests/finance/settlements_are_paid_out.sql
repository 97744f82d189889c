{{ config(meta={
    'invariant': {'id': 'I32', 'contracts': ['finance.settlement', 'finance.bank']},
    'locator': {'document': 'settlement', 'column': 'settlement_key'}
}) }}

-- What the bank booked as a payout is the net of the items it was for. All of them are named, for any may be wrong, unless
-- an item or the statement is wrong by itself: then that is named, elsewhere.
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
)

select
    s.settlement_key,
    s.source_relation,
    s.settlement_id,
    s.bank_transaction_id,
    t.amount as expected,
    p.net_amount as actual
from paid_out as p
inner join {{ ref('fct_bank_transactions') }} as t on t.bank_transaction_key = p.bank_transaction_key
inner join {{ ref('fct_settlements') }} as s
    on s.bank_transaction_key = p.bank_transaction_key and s.status = 'settled'
where t.amount <> p.net_amount
    and p.is_explained = 0
    and t.bank_statement_key not in (select b.bank_statement_key from broken as b)
    and {{ nothing_is_out('s.source_relation', ['settlement', 'payment']) }}
    and {{ not_released('settlement', 's.source_relation', 's.settlement_id') }}
