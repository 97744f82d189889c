{{ config(materialized='table') }}

-- lines keyed more than five days after their day, in the company's zone, or into a period that was soft-closed.
-- A line that is on time by the clock of UTC with a day to spare is so in every zone: looking up a zone's clock costs more
-- than all else here, so it is done for the others only
with lines as (
    select
        e.source_relation,
        e.company_id,
        e.posting_date,
        (
            case
                when extract(epoch from e.entered_at) < extract(epoch from e.posting_date) + 5 * 86400 then false
                else cast(timezone(c.timezone, e.entered_at) as date) > cast(e.posting_date + interval 5 day as date)
            end
            or coalesce(p.status = 'soft_closed', false)
        ) as is_late
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_company') }} as c on c.source_relation = e.source_relation and c.company_id = e.company_id
    left join {{ ref('dim_fiscal_period') }} as p
        on p.source_relation = e.source_relation and p.company_id = e.company_id and not p.is_adjustment
        and e.posting_date between p.start_date and p.end_date
    where e.is_posted
)

select
    {{ hashed("'M28|' || l.source_relation || '|' || l.company_id || '|' || cast(date_trunc('month', l.posting_date) as varchar)") }}
        as metric_key,
    l.source_relation,
    l.company_id,
    cast(date_trunc('month', l.posting_date) as date) as period_start,
    cast(date_trunc('month', l.posting_date) + interval 1 month - interval 1 day as date) as period_end,
    cast(null as varchar) as currency_code,
    cast(sum(case when l.is_late then 1 else 0 end) as decimal(18, 4)) as numerator,
    cast(count(*) as decimal(18, 4)) as denominator,
    cast(sum(case when l.is_late then 1 else 0 end) as decimal(18, 4)) as value
from lines as l
group by l.source_relation, l.company_id, date_trunc('month', l.posting_date)
