{{ config(meta={
    'invariant': {'id': 'I27', 'contracts': ['hr.payroll', 'hr.employment', 'hr.employee']},
    'locator': {'document': 'payslip', 'column': 'payslip_key'}
}) }}

-- A regular run pays who was employed by the company in its period, and pays them once: of two slips the later one is named.
-- A run made for it pays who has left.
with slips as (
    select
        p.payslip_key,
        p.source_relation,
        p.payslip_id,
        p.company_id,
        p.employee_id,
        p.employee_entity_key,
        p.period_start,
        p.period_end,
        row_number() over (
            partition by p.payroll_run_key, p.employee_entity_key order by b._batch_seq, b._row_no, p.payslip_id
        ) as repetition
    from {{ ref('fct_payslips') }} as p
    inner join {{ ref('base_payslip') }} as b on b.payslip_key = p.payslip_key
    where p.run_type = 'regular' and p.run_status <> 'reversed'
),

employed as (
    select distinct s.payslip_key
    from slips as s
    inner join {{ ref('base_employee') }} as w on w.employee_key = s.employee_entity_key and not w.is_deleted
    inner join {{ ref('base_employment') }} as e
        on e.source_relation = s.source_relation
        and {{ key_of('e', 'employee_id') }} = s.employee_entity_key
        and not e.is_deleted
        and e.company_id = s.company_id
        and e.effective_from <= s.period_end
        and coalesce(e.effective_to, cast('9999-12-31' as date)) > s.period_start
    where coalesce(w.termination_date, cast('9999-12-31' as date)) > s.period_start
)

select
    s.payslip_key,
    s.source_relation,
    s.payslip_id,
    case when s.repetition > 1 then 'paid twice in the run' else 'not employed in the period' end as what,
    0 as expected,
    s.repetition as actual
from slips as s
where (s.repetition > 1 or s.payslip_key not in (select e.payslip_key from employed as e))
    and s.source_relation in ({{ relations_with(['payslip', 'employment', 'employee']) }})
    and {{ nothing_is_out_of('employment', 'employee_id', 's.source_relation', 's.employee_id') }}
    and {{ not_released('payslip', 's.source_relation', 's.payslip_id') }}
