{{ config(materialized='table') }}

select
    {{ hashed(
        "'M17|' || f.source_relation || '|' || f.company_id || '|' || f.currency_code || '|' || "
        ~ "cast(date_trunc('month', f.cash_date) as varchar)"
    ) }} as metric_key,
    f.source_relation,
    f.company_id,
    cast(date_trunc('month', f.cash_date) as date) as period_start,
    max(f.cash_date) as period_end,
    f.currency_code,
    cast(sum(f.cash_in) as decimal(18, 4)) as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    cast(sum(f.cash_in) as decimal(18, 4)) as value
from {{ ref('mart_cash_flow') }} as f
group by f.source_relation, f.company_id, f.currency_code, date_trunc('month', f.cash_date)
