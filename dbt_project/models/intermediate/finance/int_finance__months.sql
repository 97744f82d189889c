{{ config(materialized='table', tags=['daily']) }}

-- each company's months, from its first posting to the build's day or the last posting, whichever is later
with bounds as (
    select
        e.source_relation,
        e.company_id,
        min(e.posting_date) as first_day,
        greatest(max(e.posting_date), {{ as_of_date() }}) as last_day
    from {{ ref('fct_gl_entries') }} as e
    where e.is_posted
    group by e.source_relation, e.company_id
),

months as (
    select
        b.source_relation,
        b.company_id,
        d.month_start,
        cast(d.month_start + interval 1 month - interval 1 day as date) as month_end
    from bounds as b
    inner join {{ ref('dim_date') }} as d
        on d.date_day = d.month_start
        and d.date_day >= cast(date_trunc('month', b.first_day) as date)
        and d.date_day <= b.last_day
)

select
    m.source_relation,
    m.company_id,
    m.month_start,
    m.month_end,
    c.functional_currency,
    -- without periods of its own a company's fiscal year begins in the month its master data name
    coalesce(
        p.fiscal_year,
        cast(extract(year from m.month_start) as integer) + case
            when c.fiscal_year_start_month > 1 and extract(month from m.month_start) >= c.fiscal_year_start_month then 1
            else 0
        end
    ) as fiscal_year,
    coalesce(
        p.period_number,
        cast((extract(month from m.month_start) - c.fiscal_year_start_month + 12) % 12 + 1 as integer)
    ) as period_number,
    p.period_id,
    p.status as period_status,
    p.closed_at
from months as m
inner join {{ ref('dim_company') }} as c on c.source_relation = m.source_relation and c.company_id = m.company_id
left join {{ ref('dim_fiscal_period') }} as p
    on p.source_relation = m.source_relation and p.company_id = m.company_id
    and not p.is_adjustment
    and m.month_start between p.start_date and p.end_date
