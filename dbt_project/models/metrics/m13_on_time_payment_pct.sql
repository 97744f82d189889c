{{ config(materialized='table', tags=['daily']) }}

-- of the bills due in a month, and due by now, those settled in full by then: by count, and by gross amount
with measured as (
    select
        v.source_relation, v.company_id, v.month_start, v.currency_code, 'count' as measure,
        v.bills_on_time as numerator, v.bills_due as denominator
    from {{ ref('mart_vendor_performance') }} as v
    union all
    select
        v.source_relation, v.company_id, v.month_start, v.currency_code, 'amount',
        v.on_time_amount, v.due_amount
    from {{ ref('mart_vendor_performance') }} as v
),

period as (
    select
        m.source_relation,
        m.company_id,
        m.month_start as period_start,
        least(cast(m.month_start + interval 1 month - interval 1 day as date), {{ as_of_date() }}) as period_end,
        m.measure,
        sum(m.numerator) as numerator,
        sum(m.denominator) as denominator
    from measured as m
    where m.month_start <= {{ as_of_date() }}
    group by m.source_relation, m.company_id, m.month_start, m.measure
    having sum(m.denominator) <> 0
)

select
    {{ hashed(
        "'M13|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar) || '|' || coalesce(p.measure, '')"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    p.measure,
    cast(null as varchar) as currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator * 100 / nullif(p.denominator, 0) as decimal(18, 4)) as value
from period as p
