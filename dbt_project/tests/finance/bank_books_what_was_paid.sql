{{ config(meta={
    'invariant': {'id': 'I30', 'contracts': ['finance.bank', 'finance.payment']},
    'locator': {'document': 'payment', 'column': 'payment_key'}
}) }}

-- A cleared payment is what the bank booked under its id, unless the statement itself does not add up: the payment to look
-- at when ledger and bank part.
with broken as (
    {{ statements_that_do_not_add_up() }}
),

booked as (
    select
        m.document_key,
        sum(t.amount) as amount,
        max(case when b.bank_statement_key is null then 0 else 1 end) as is_broken
    from {{ ref('int_bank__matches') }} as m
    inner join {{ ref('fct_bank_transactions') }} as t on t.bank_transaction_key = m.bank_transaction_key
    left join broken as b on b.bank_statement_key = t.bank_statement_key
    where m.match_rule = 'end_to_end_id'
    group by m.document_key
)

select
    p.payment_key,
    p.source_relation,
    p.payment_id,
    b.amount as expected,
    case when p.direction = 'inbound' then p.amount else -p.amount end as actual
from {{ ref('fct_payments') }} as p
inner join booked as b on b.document_key = p.payment_key
where p.status = 'cleared'
    and b.is_broken = 0
    and b.amount <> case when p.direction = 'inbound' then p.amount else -p.amount end
    and {{ nothing_is_out('p.source_relation', ['bank_statement', 'bank_transaction']) }}
    and {{ not_released('payment', 'p.source_relation', 'p.payment_id') }}
