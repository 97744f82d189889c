{{ config(materialized='table', tags=['daily']) }}

-- of the discount that bills of a month offered, what was taken
with period as (
    select
        v.source_relation,
        v.company_id,
        v.month_start as period_start,
        least(cast(v.month_start + interval 1 month - interval 1 day as date), {{ as_of_date() }}) as period_end,
        sum(v.discount_captured_amount) as numerator,
        sum(v.discount_offered_amount) as denominator
    from {{ ref('mart_vendor_performance') }} as v
    where v.month_start <= {{ as_of_date() }}
    group by v.source_relation, v.company_id, v.month_start
    having sum(v.discount_offered_amount) <> 0
)

select
    {{ hashed(
        "'M14|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    cast(null as varchar) as currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator * 100 / nullif(p.denominator, 0) as decimal(18, 4)) as value
from period as p
