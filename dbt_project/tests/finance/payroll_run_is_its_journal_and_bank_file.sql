{{ config(meta={'invariant': {
    'id': 'I25', 'contracts': ['hr.payroll', 'finance.journal', 'finance.gl_account', 'finance.payment']
}}) }}

-- what the slips of a paid run add up to is what its journal holds, and what the bank was told to pay
with runs as (
    select
        p.source_relation,
        p.company_id,
        p.payroll_run_id,
        p.journal_id,
        sum(p.net_pay) as net_pay,
        sum(p.gross_pay + p.employer_cost + p.reimbursements) as cost
    from {{ ref('fct_payslips') }} as p
    where p.run_status = 'paid'
    group by p.source_relation, p.company_id, p.payroll_run_id, p.journal_id
),

posted as (
    select
        e.source_relation,
        e.journal_id,
        -sum(case when a.control_for = 'payroll' then e.amount else 0 end) as net_pay,
        sum(case when a.account_type = 'payroll_expense' then e.amount else 0 end) as cost
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and e.journal_type = 'payroll'
    group by e.source_relation, e.journal_id
),

filed as (
    select p.source_relation, p.company_id, p.run_id, sum(p.amount) as amount
    from {{ ref('fct_payments') }} as p
    where p.party_type = 'employee' and p.direction = 'outbound' and p.status in ('pending', 'cleared')
    group by p.source_relation, p.company_id, p.run_id
),

compared as (
    select r.source_relation, r.company_id, r.payroll_run_id, 'net pay in the journal' as what,
        coalesce(p.net_pay, 0) as expected, r.net_pay as actual
    from runs as r
    left join posted as p on p.source_relation = r.source_relation and p.journal_id = r.journal_id
    where r.source_relation in ({{ relations_with(['payslip', 'gl_entry', 'gl_account']) }})
    union all
    select r.source_relation, r.company_id, r.payroll_run_id, 'cost in the journal', coalesce(p.cost, 0), r.cost
    from runs as r
    left join posted as p on p.source_relation = r.source_relation and p.journal_id = r.journal_id
    where r.source_relation in ({{ relations_with(['payslip', 'gl_entry', 'gl_account']) }})
    union all
    select r.source_relation, r.company_id, r.payroll_run_id, 'net pay in the bank file', coalesce(f.amount, 0), r.net_pay
    from runs as r
    left join filed as f
        on f.source_relation = r.source_relation and f.company_id = r.company_id and f.run_id = r.payroll_run_id
    where r.source_relation in ({{ relations_with(['payslip', 'payment']) }})
)

select c.source_relation, c.company_id, c.payroll_run_id, c.what, c.expected, c.actual
from compared as c
where c.expected <> c.actual
    and {{ nothing_is_out(
        'c.source_relation', ['payroll_run', 'payslip', 'payslip_line', 'payment', 'gl_entry', 'employee']
    ) }}
