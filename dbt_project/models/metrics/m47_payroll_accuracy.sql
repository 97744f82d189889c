{{ config(materialized='table') }}

-- a slip of a regular run is wrong when its run was taken back, or a correction of its period pays the same person
with slips as (
    select
        p.source_relation,
        p.company_id,
        p.payslip_key,
        p.pay_date,
        p.run_status = 'reversed' or exists (
            select 1 from {{ ref('fct_payslips') }} as c
            where c.run_type = 'correction'
                and c.run_status <> 'draft'
                and c.employee_entity_key = p.employee_entity_key
                and c.company_id = p.company_id
                and c.period_start <= p.period_end
                and c.period_end >= p.period_start
        ) as is_wrong
    from {{ ref('fct_payslips') }} as p
    where p.run_type = 'regular' and p.run_status in ('paid', 'reversed')
)

select
    {{ hashed(
        "'M47|' || s.source_relation || '|' || s.company_id || '|' || cast(date_trunc('month', s.pay_date) as varchar)"
    ) }} as metric_key,
    s.source_relation,
    s.company_id,
    cast(date_trunc('month', s.pay_date) as date) as period_start,
    max(s.pay_date) as period_end,
    cast(null as varchar) as currency_code,
    cast(sum(case when s.is_wrong then 0 else 1 end) as decimal(18, 4)) as numerator,
    cast(count(*) as decimal(18, 4)) as denominator,
    cast(sum(case when s.is_wrong then 0 else 1 end) * 100.0 / count(*) as decimal(18, 4)) as value
from slips as s
group by s.source_relation, s.company_id, date_trunc('month', s.pay_date)
