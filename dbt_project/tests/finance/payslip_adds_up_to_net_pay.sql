{{ config(meta={
    'invariant': {'id': 'I23', 'contracts': ['hr.payroll']},
    'locator': {'document': 'payslip', 'column': 'payslip_key'}
}) }}

-- gross pay less tax and deductions, with what is paid back, is net pay
select
    p.payslip_key,
    p.source_relation,
    p.payslip_id,
    p.gross_pay - p.employee_tax - p.employee_deductions + p.reimbursements as expected,
    p.net_pay as actual
from {{ ref('fct_payslips') }} as p
where p.gross_pay - p.employee_tax - p.employee_deductions + p.reimbursements <> p.net_pay
    and {{ not_released('payslip', 'p.source_relation', 'p.payslip_id') }}
