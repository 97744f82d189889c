{{ config(meta={'invariant': {'id': 'I07', 'contracts': ['finance.invoice', 'finance.payment', 'finance.journal', 'finance.gl_account']}}) }}

-- on every day the control account moves by what documents, payments and their applications say, at the documents' rates
select
    m.source_relation,
    m.company_id,
    m.movement_date,
    sum(m.subledger_amount_base) as expected_amount_base,
    sum(m.ledger_amount_base) as actual_amount_base
from {{ ref('int_finance__control_movements') }} as m
where m.control_for = 'ar'
    and m.is_comparable
    and m.source_relation in ({{ relations_with(['invoice', 'payment', 'payment_allocation', 'gl_entry', 'gl_account']) }})
group by m.source_relation, m.company_id, m.movement_date
having sum(m.subledger_amount_base) <> sum(m.ledger_amount_base)
