{{ config(materialized='table', tags=['daily']) }}

-- documents open at the end of each month and on the day of the build, in the functional currency
with period as (
    select
        a.source_relation,
        a.company_id,
        {{ month_of('a.as_of_date') }} as period_start,
        a.as_of_date as period_end,
        min(a.functional_currency_code) as currency_code,
        sum(a.open_amount_base) as numerator,
        1 as denominator
    from {{ ref('mart_ar_aging') }} as a
    where a.item_type <> 'unapplied_cash' and (a.as_of_date = {{ as_of_date() }} or extract(day from a.as_of_date + interval 1 day) = 1)
    group by a.source_relation, a.company_id, a.as_of_date
)

select
    {{ hashed(
        "'M03|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    p.currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator as decimal(18, 4)) as value
from period as p
