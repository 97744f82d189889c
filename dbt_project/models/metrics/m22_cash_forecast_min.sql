{{ config(materialized='table', tags=['daily']) }}

select
    {{ hashed("'M22|' || f.source_relation || '|' || f.company_id || '|' || cast(f.as_of_date as varchar)") }} as metric_key,
    f.source_relation,
    f.company_id,
    f.as_of_date as period_start,
    max(f.week_end) as period_end,
    f.currency_code,
    min(f.amount) as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    min(f.amount) as value
from {{ ref('mart_cash_forecast_13w') }} as f
where f.line = 'closing'
group by f.source_relation, f.company_id, f.as_of_date, f.currency_code
