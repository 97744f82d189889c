{{ config(materialized='table') }}

-- of the order lines billed in a month (those in parts, for the last time), those that match order and receipt
with period as (
    select
        w.source_relation,
        w.company_id,
        {{ month_of('w.last_billed_on') }} as period_start,
        max(w.last_billed_on) as period_end,
        sum(case when w.is_matched then 1 else 0 end) as numerator,
        count(*) as denominator
    from {{ ref('mart_three_way_match') }} as w
    where w.is_matched is not null
    group by w.source_relation, w.company_id, {{ month_of('w.last_billed_on') }}
)

select
    {{ hashed(
        "'M16|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
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
