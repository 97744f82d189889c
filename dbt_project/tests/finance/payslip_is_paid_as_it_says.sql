{{ config(meta={
    'invariant': {'id': 'I25', 'contracts': ['hr.payroll', 'finance.payment']},
    'locator': {'document': 'payslip', 'column': 'payslip_key'}
}) }}

-- the payment of a slip is its net pay, to the person it is for: the slip to look at when a run is not its bank file
select
    p.payslip_key,
    p.source_relation,
    p.payslip_id,
    m.amount as expected,
    p.net_pay as actual,
    m.party_id as paid_to,
    p.employee_id
from {{ ref('fct_payslips') }} as p
inner join {{ ref('fct_payments') }} as m on m.payment_key = p.payment_key
where m.status in ('pending', 'cleared')
    and (m.amount <> p.net_pay or m.currency_code <> p.currency_code or m.party_id <> p.employee_id)
    and {{ not_released('payslip', 'p.source_relation', 'p.payslip_id') }}
