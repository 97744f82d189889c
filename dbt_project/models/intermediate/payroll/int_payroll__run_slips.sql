{{ config(materialized='table') }}

-- payslips of runs that count, with the regular run before theirs and the department the person was in at its end
with runs as (
    select
        r.payroll_run_key,
        r.source_relation,
        r.payroll_run_id,
        r.company_id,
        r.period_start,
        r.period_end,
        r.pay_date,
        r.run_type,
        r.currency_code,
        case when r.run_type = 'regular' then
            lag(r.payroll_run_key) over (
                partition by r.source_relation, r.company_id, r.currency_code, r.run_type
                order by r.period_end, r.pay_date, r.payroll_run_id
            )
        end as previous_run_key
    from {{ ref('base_payroll_run') }} as r
    where not r.is_deleted and r.status in ('approved', 'paid')
),

-- the last assignment that was in force in the period; the larger one of several
placed as (
    select
        s.payslip_key,
        a.department_id,
        a.department_name,
        a.department_function,
        row_number() over (
            partition by s.payslip_key order by a.effective_from desc, a.precedence, a.department_id
        ) as choice
    from {{ ref('fct_payslips') }} as s
    inner join {{ ref('int_hr__assignments') }} as a
        on a.employee_key = s.employee_entity_key
        and a.effective_from <= s.period_end
        and coalesce(a.effective_to, cast('9999-12-31' as date)) > s.period_start
        and a.company_id = s.company_id
)

select
    s.payslip_key,
    s.source_relation,
    s.payslip_id,
    s.payroll_run_key,
    s.payroll_run_id,
    r.previous_run_key,
    s.company_id,
    r.run_type,
    s.period_start,
    s.period_end,
    s.pay_date,
    s.employee_id,
    s.employee_entity_key,
    coalesce(p.department_id, '') as department_id,
    p.department_name,
    p.department_function,
    s.gross_pay,
    s.employee_tax,
    s.employee_deductions,
    s.reimbursements,
    s.net_pay,
    s.employer_cost,
    s.currency_code
from {{ ref('fct_payslips') }} as s
inner join runs as r on r.payroll_run_key = s.payroll_run_key
left join placed as p on p.payslip_key = s.payslip_key and p.choice = 1
