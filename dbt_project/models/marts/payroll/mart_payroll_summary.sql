{{ config(materialized='table') }}

with cells as (
    select
        s.source_relation,
        s.company_id,
        s.payroll_run_id,
        s.run_type,
        s.period_start,
        s.period_end,
        s.pay_date,
        s.department_id,
        max(s.department_name) as department_name,
        max(s.department_function) as department_function,
        s.currency_code,
        count(distinct s.employee_id) as heads,
        sum(s.gross_pay) as gross_pay,
        sum(s.employee_tax) as employee_tax,
        sum(s.employee_deductions) as employee_deductions,
        sum(s.reimbursements) as reimbursements,
        sum(s.net_pay) as net_pay,
        sum(s.employer_cost) as employer_cost
    from {{ ref('int_payroll__run_slips') }} as s
    group by
        s.source_relation, s.company_id, s.payroll_run_id, s.run_type, s.period_start, s.period_end, s.pay_date,
        s.department_id, s.currency_code
),

ranked as (
    select
        c.*,
        row_number() over (
            partition by c.source_relation, c.payroll_run_id order by c.heads, c.department_id
        ) as position,
        coalesce(sum(c.heads) over (
            partition by c.source_relation, c.payroll_run_id order by c.heads, c.department_id
            rows between unbounded preceding and 1 preceding
        ), 0) as smaller_heads,
        min(c.heads) over (partition by c.source_relation, c.payroll_run_id) as fewest
    from cells as c
),

-- Cells of fewer than five people are not shown. Nor are the next larger ones until two cells with five people together
-- are hidden: the total of the run would tell what is in one that is hidden alone.
judged as (
    select
        r.*,
        r.heads < 5 or (r.fewest < 5 and (r.position <= 2 or r.smaller_heads < 5)) as is_suppressed
    from ranked as r
)

select
    {{ hashed("j.source_relation || '|' || j.payroll_run_id || '|' || j.department_id") }} as payroll_summary_key,
    j.source_relation,
    j.company_id,
    j.payroll_run_id,
    j.run_type,
    j.period_start,
    j.period_end,
    j.pay_date,
    j.department_id,
    j.department_name,
    j.department_function,
    j.currency_code,
    j.is_suppressed,
    {%- for column in ['gross_pay', 'employee_tax', 'employee_deductions', 'reimbursements', 'net_pay', 'employer_cost'] %}
    cast(case when not j.is_suppressed then j.{{ column }} end as decimal(18, 4)) as {{ column }},
    {%- endfor %}
    cast(case when not j.is_suppressed then j.gross_pay + j.employer_cost end as decimal(18, 4)) as payroll_cost,
    cast(case when not j.is_suppressed then j.heads end as integer) as heads
from judged as j
