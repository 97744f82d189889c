-- depends_on: {{ ref('int_payslip__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('payslip_key', 'int_payslip__touched', 'payslip_line_key') }}"
) }}

with lines as (
    {{ rows_to_write('payslip_line', 'int_payslip__touched', key='payslip_key') }}
),

slips as (
    {{ rows_to_write('payslip', 'int_payslip__touched') }}
)

select
    l.payslip_line_key,
    l.payslip_key,
    l.source_relation,
    l.payslip_line_id,
    l.payslip_id,
    p.payroll_run_id,
    {{ key_of('p', 'payroll_run_id') }} as payroll_run_key,
    r.company_id,
    r.pay_date,
    r.run_type,
    r.status as run_status,
    p.employee_id,
    l.component,
    l.line_type,
    l.quantity,
    l.amount,
    l.currency_code,
    l._batch_id,
    l._row_hash,
    {{ generation() }} as _generation
from lines as l
inner join slips as p on p.payslip_key = l.payslip_key
inner join {{ ref('base_payroll_run') }} as r on r.payroll_run_key = {{ key_of('p', 'payroll_run_id') }}
where not l.is_deleted and not p.is_deleted and not r.is_deleted
