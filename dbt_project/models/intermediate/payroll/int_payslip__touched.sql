{{ touched_documents('payslip', 'payslip_line', 'payslip_id') }}

union

-- slips of a run that was approved, paid or taken back
select p.payslip_key as key
from {{ ref('base_payslip') }} as p
where {{ key_of('p', 'payroll_run_id') }} in ({{ touched_rows('payroll_run') }})
