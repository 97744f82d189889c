-- depends_on: {{ ref('int_payslip__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('payslip_key', 'int_payslip__touched', 'payslip_key') }}"
) }}

with slips as (
    {{ rows_to_write('payslip', 'int_payslip__touched') }}
)

select
    p.payslip_key,
    p.source_relation,
    p.payslip_id,
    p.payroll_run_id,
    {{ key_of('p', 'payroll_run_id') }} as payroll_run_key,
    r.company_id,
    r.period_start,
    r.period_end,
    r.pay_date,
    r.run_type,
    r.status as run_status,
    r.journal_id,
    p.employee_id,
    {{ key_of('p', 'employee_id') }} as employee_entity_key,
    p.hours_paid,
    p.gross_pay,
    p.employee_tax,
    p.employee_deductions,
    p.reimbursements,
    p.net_pay,
    p.employer_cost,
    p.currency_code,
    p.payment_id,
    {{ key_of('p', 'payment_id') }} as payment_key,
    p._batch_id,
    p._row_hash,
    {{ generation() }} as _generation
from slips as p
inner join {{ ref('base_payroll_run') }} as r on r.payroll_run_key = {{ key_of('p', 'payroll_run_id') }}
where not p.is_deleted and not r.is_deleted
