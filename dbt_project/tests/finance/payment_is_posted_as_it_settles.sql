{{ config(meta={
    'invariant': {'id': 'I07', 'contracts': ['finance.invoice', 'finance.payment', 'finance.journal', 'finance.gl_account']},
    'locator': {'entity': 'payment'}
}) }}

-- on a day on which a control account does not tie (I07, I08), the payments whose posting is not what they settle
with broken_days as (
    select m.source_relation, m.company_id, m.control_for, m.movement_date
    from {{ ref('int_finance__control_movements') }} as m
    where m.is_comparable
    group by m.source_relation, m.company_id, m.control_for, m.movement_date
    having sum(m.subledger_amount_base) <> sum(m.ledger_amount_base)
)

select
    p.payment_key,
    p.source_relation,
    p.payment_id,
    m.movement_date,
    m.subledger_amount_base as expected_amount_base,
    m.ledger_amount_base as actual_amount_base,
    'payment_is_posted_as_it_settles' as rule,
    'amount_base' as column_name,
    cast(p.amount_base as varchar) as value,
    p._batch_id,
    p._row_no
from {{ ref('int_finance__control_movements') }} as m
inner join broken_days as d
    on d.source_relation = m.source_relation and d.company_id = m.company_id and d.control_for = m.control_for
    and d.movement_date = m.movement_date
inner join {{ ref('base_payment') }} as p
    on p.source_relation = m.source_relation and p.payment_id = m.source_document_id
where m.source_document_type = 'payment'
    and m.is_comparable
    and m.subledger_amount_base <> m.ledger_amount_base
    and not p.is_deleted
    and m.source_relation in ({{ relations_with(['invoice', 'payment', 'payment_allocation', 'gl_entry', 'gl_account']) }})
    and {{ not_released_row('p') }}
