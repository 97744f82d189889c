{{ config(materialized='table', tags=['daily']) }}

-- receivables by bucket, unapplied cash among them: all buckets together are the control account
with period as (
    select
        a.source_relation,
        a.company_id,
        {{ month_of('a.as_of_date') }} as period_start,
        a.as_of_date as period_end,
        a.bucket,
        min(a.functional_currency_code) as currency_code,
        sum(a.open_amount_base) as numerator,
        1 as denominator
    from {{ ref('mart_ar_aging') }} as a
    where (a.as_of_date = {{ as_of_date() }} or extract(day from a.as_of_date + interval 1 day) = 1)
    group by a.source_relation, a.company_id, a.as_of_date, a.bucket
)

select
    {{ hashed(
        "'M04|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar) || '|' || coalesce(p.bucket, '')"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    p.bucket,
    p.currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator as decimal(18, 4)) as value
from period as p
