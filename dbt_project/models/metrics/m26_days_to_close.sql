{{ config(materialized='table') }}

-- working days, Monday to Friday, after the end of a period up to the day it was closed, in the company's zone
with closed as (
    select
        p.source_relation,
        p.company_id,
        p.period_id,
        p.start_date,
        p.end_date,
        cast(timezone(c.timezone, p.closed_at) as date) as closed_on
    from {{ ref('dim_fiscal_period') }} as p
    inner join {{ ref('dim_company') }} as c on c.source_relation = p.source_relation and c.company_id = p.company_id
    where p.status = 'closed' and p.closed_at is not null and not p.is_adjustment
),

counted as (
    select
        k.source_relation,
        k.company_id,
        k.period_id,
        k.start_date,
        k.end_date,
        count(d.date_day) as days
    from closed as k
    left join {{ ref('dim_date') }} as d
        on d.date_day > k.end_date and d.date_day <= k.closed_on and not d.is_weekend
    group by k.source_relation, k.company_id, k.period_id, k.start_date, k.end_date
)

select
    {{ hashed("'M26|' || n.source_relation || '|' || n.company_id || '|' || n.period_id") }} as metric_key,
    n.source_relation,
    n.company_id,
    n.start_date as period_start,
    n.end_date as period_end,
    cast(null as varchar) as currency_code,
    cast(n.days as decimal(18, 4)) as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    cast(n.days as decimal(18, 4)) as value
from counted as n
