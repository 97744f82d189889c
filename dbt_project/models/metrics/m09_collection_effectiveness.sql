{{ config(materialized='table', tags=['daily']) }}

-- of what could be collected in a month, what was
with period as (
    select
        c.source_relation,
        c.company_id,
        c.month_start as period_start,
        max(c.as_of_date) as period_end,
        sum(c.cei_numerator) as numerator,
        sum(c.cei_denominator) as denominator
    from {{ ref('mart_collections') }} as c
    group by c.source_relation, c.company_id, c.month_start
)

select
    {{ hashed(
        "'M09|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
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
