{{ config(materialized='table') }}

select
    {{ hashed(
        "'M25|' || t.source_relation || '|' || t.company_id || '|' || "
        ~ "cast(date_trunc('month', t.booking_date) as varchar)"
    ) }} as metric_key,
    t.source_relation,
    t.company_id,
    cast(date_trunc('month', t.booking_date) as date) as period_start,
    max(t.booking_date) as period_end,
    cast(null as varchar) as currency_code,
    cast(count(m.bank_transaction_key) as decimal(18, 4)) as numerator,
    cast(count(*) as decimal(18, 4)) as denominator,
    cast(count(m.bank_transaction_key) * 100.0 / count(*) as decimal(18, 4)) as value
from {{ ref('fct_bank_transactions') }} as t
left join (
    select distinct r.bank_transaction_key
    from {{ ref('mart_bank_reconciliation') }} as r
    where r.match_state = 'matched'
) as m on m.bank_transaction_key = t.bank_transaction_key
group by t.source_relation, t.company_id, date_trunc('month', t.booking_date)
