{{ config(materialized='table', tags=['daily']) }}

-- what a customer owes and has on order, in percent of the credit limit; without a limit there is no row
with period as (
    select
        e.source_relation,
        e.company_id,
        e.as_of_date as period_start,
        e.as_of_date as period_end,
        e.customer_id,
        e.exposure_amount as numerator,
        e.credit_limit_amount as denominator
    from {{ ref('mart_credit_exposure') }} as e
    where e.credit_limit_amount > 0
)

select
    {{ hashed(
        "'M10|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar) || '|' || coalesce(p.customer_id, '')"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    p.customer_id,
    cast(null as varchar) as currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator * 100 / nullif(p.denominator, 0) as decimal(18, 4)) as value
from period as p
