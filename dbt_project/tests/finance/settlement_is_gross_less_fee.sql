{{ config(meta={
    'invariant': {'id': 'I31', 'contracts': ['finance.settlement', 'finance.payment']},
    'locator': {'document': 'settlement', 'column': 'settlement_key'}
}) }}

-- net is gross less fee, and gross is what the customer paid
select
    s.settlement_key,
    s.source_relation,
    s.settlement_id,
    case when s.net_amount <> s.gross_amount - s.fee_amount then s.gross_amount - s.fee_amount else p.amount end as expected,
    case when s.net_amount <> s.gross_amount - s.fee_amount then s.net_amount else s.gross_amount end as actual
from {{ ref('fct_settlements') }} as s
left join {{ ref('fct_payments') }} as p
    on p.payment_key = case when s.status in ('pending', 'settled') then s.payment_key end
    and p.currency_code = s.currency_code
where (s.net_amount <> s.gross_amount - s.fee_amount or s.gross_amount <> p.amount)
    and {{ not_released('settlement', 's.source_relation', 's.settlement_id') }}
