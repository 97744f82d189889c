{{ config(meta={
    'invariant': {'id': 'I24', 'contracts': ['hr.payroll']},
    'locator': {'document': 'payslip', 'column': 'payslip_key'}
}) }}

-- each total of a payslip is the sum of its components of that type
with told as (
    {%- for column, type in [
        ('gross_pay', 'earning'), ('employee_tax', 'employee_tax'), ('employee_deductions', 'employee_deduction'),
        ('employer_cost', 'employer_contribution'), ('reimbursements', 'reimbursement')
    ] %}
    {{ 'union all' if not loop.first }}
    select p.payslip_key, p.source_relation, p.payslip_id, '{{ type }}' as line_type, p.{{ column }} as amount
    from {{ ref('fct_payslips') }} as p
    {%- endfor %}
),

summed as (
    select l.payslip_key, l.line_type, sum(l.amount) as amount
    from {{ ref('fct_payslip_lines') }} as l
    group by l.payslip_key, l.line_type
)

select t.payslip_key, t.source_relation, t.payslip_id, t.line_type, coalesce(s.amount, 0) as expected, t.amount as actual
from told as t
left join summed as s on s.payslip_key = t.payslip_key and s.line_type = t.line_type
where t.amount <> coalesce(s.amount, 0)
    and t.source_relation in ({{ relations_with(['payslip', 'payslip_line']) }})
    and {{ not_released('payslip', 't.source_relation', 't.payslip_id') }}
    and {{ is_complete('payslip_line', 't.source_relation', 't.payslip_id') }}
