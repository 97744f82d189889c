{{ config(materialized='table', tags=['daily']) }}

-- at the end of each month, and today
with days as (
    select d.date_day as as_of_date
    from {{ ref('dim_date') }} as d
    where d.date_day <= {{ as_of_date() }}
        and (d.date_day = {{ as_of_date() }} or extract(day from d.date_day + interval 1 day) = 1)
),

posted as (
    select
        e.source_relation,
        e.company_id,
        e.posting_date,
        sum(case when a.control_for = 'inventory' then e.amount_base else 0 end) as inventory,
        sum(case when a.account_type = 'cogs' then e.amount_base else 0 end) as cogs
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and (a.control_for = 'inventory' or a.account_type = 'cogs')
    group by e.source_relation, e.company_id, e.posting_date
),

totals as (
    select
        p.source_relation,
        p.company_id,
        d.as_of_date,
        sum(p.inventory) * 90 as numerator,
        sum(case when p.posting_date > cast(d.as_of_date - interval 90 day as date) then p.cogs else 0 end) as denominator
    from posted as p
    inner join days as d on d.as_of_date >= p.posting_date
    group by p.source_relation, p.company_id, d.as_of_date
)

select
    {{ hashed("'M20|' || t.source_relation || '|' || t.company_id || '|' || cast(t.as_of_date as varchar)") }} as metric_key,
    t.source_relation,
    t.company_id,
    cast(t.as_of_date - interval 89 day as date) as period_start,
    t.as_of_date as period_end,
    cast(null as varchar) as currency_code,
    cast(t.numerator as decimal(18, 4)) as numerator,
    cast(t.denominator as decimal(18, 4)) as denominator,
    cast(t.numerator / nullif(t.denominator, 0) as decimal(18, 4)) as value
from totals as t
