{{ config(meta={'invariant': {'id': 'I26', 'contracts': ['hr.payroll', 'finance.journal', 'finance.gl_account']}}) }}

-- at the end of a day on which a run was paid, nobody is owed net pay
with owed as (
    select
        e.source_relation,
        e.company_id,
        e.posting_date,
        sum(sum(e.amount_base)) over (
            partition by e.source_relation, e.company_id order by e.posting_date
        ) as amount_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and a.control_for = 'payroll'
    group by e.source_relation, e.company_id, e.posting_date
),

runs as (
    select
        r.source_relation,
        r.company_id,
        r.payroll_run_id,
        r.pay_date,
        max(o.posting_date) as posting_date
    from {{ ref('base_payroll_run') }} as r
    inner join owed as o
        on o.source_relation = r.source_relation and o.company_id = r.company_id and o.posting_date <= r.pay_date
    where not r.is_deleted and r.status = 'paid'
    group by r.source_relation, r.company_id, r.payroll_run_id, r.pay_date
)

select r.source_relation, r.company_id, r.payroll_run_id, r.pay_date, 0 as expected, o.amount_base as actual
from runs as r
inner join owed as o
    on o.source_relation = r.source_relation and o.company_id = r.company_id and o.posting_date = r.posting_date
where o.amount_base <> 0
    and r.source_relation in ({{ relations_with(['payroll_run', 'gl_entry', 'gl_account']) }})
    and {{ nothing_is_out('r.source_relation', ['payroll_run', 'gl_entry']) }}
