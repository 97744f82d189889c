{{ config(materialized='table') }}

-- at the end of each month, and of the last day a statement tells of
with latest as (
    select
        f.*,
        row_number() over (
            partition by f.source_relation, f.bank_account_id, date_trunc('month', f.cash_date) order by f.cash_date desc
        ) as newest
    from {{ ref('mart_cash_flow') }} as f
)

select
    {{ hashed("'M19|' || l.source_relation || '|' || l.bank_account_id || '|' || cast(l.cash_date as varchar)") }} as metric_key,
    l.source_relation,
    l.company_id,
    cast(date_trunc('month', l.cash_date) as date) as period_start,
    l.cash_date as period_end,
    l.bank_account_id,
    l.functional_currency as currency_code,
    l.closing_balance_base as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    l.closing_balance_base as value
from latest as l
where l.newest = 1
