{{ config(materialized='table') }}

-- runs of fewer than five people are left out
select
    {{ hashed("'M45|' || s.source_relation || '|' || s.payroll_run_id") }} as metric_key,
    s.source_relation,
    s.company_id,
    s.period_start,
    s.period_end,
    s.payroll_run_id,
    s.currency_code,
    cast(sum(s.gross_pay + s.employer_cost) as decimal(18, 4)) as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    cast(sum(s.gross_pay + s.employer_cost) as decimal(18, 4)) as value,
    cast(sum(s.reimbursements) as decimal(18, 4)) as reimbursements
from {{ ref('int_payroll__run_slips') }} as s
group by s.source_relation, s.company_id, s.period_start, s.period_end, s.payroll_run_id, s.currency_code
having count(distinct s.employee_id) >= 5
