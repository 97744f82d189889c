{{ config(meta={'invariant': {
    'id': 'I31', 'contracts': ['finance.settlement', 'finance.payment', 'finance.journal', 'finance.gl_account']
}}) }}

-- The clearing accounts hold the card payments that are not paid out, every day: of a day on which they part both are told.
with moved as (
    select p.source_relation, p.company_id, p.payment_date as day, p.amount_base as unsettled, 0 as ledger
    from {{ ref('fct_payments') }} as p
    where p.method in ('card', 'psp') and p.status = 'cleared' and p.direction = 'inbound'
    union all
    select s.source_relation, s.company_id, s.settled_date, -p.amount_base, 0
    from {{ ref('fct_settlements') }} as s
    inner join {{ ref('fct_payments') }} as p on p.payment_key = s.payment_key
    where s.status = 'settled' and s.settled_date is not null
    union all
    select e.source_relation, e.company_id, e.posting_date, 0, e.amount_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and a.control_for = 'settlement'
),

days as (
    select
        m.source_relation,
        m.company_id,
        m.day,
        sum(m.unsettled) as unsettled_moved,
        sum(m.ledger) as ledger_moved,
        sum(sum(m.unsettled)) over (partition by m.source_relation, m.company_id order by m.day) as unsettled,
        sum(sum(m.ledger)) over (partition by m.source_relation, m.company_id order by m.day) as ledger
    from moved as m
    group by m.source_relation, m.company_id, m.day
)

select d.source_relation, d.company_id, d.day, d.unsettled as expected, d.ledger as actual
from days as d
where d.unsettled_moved <> d.ledger_moved
    and d.source_relation in ({{ relations_with(['settlement', 'payment', 'gl_entry', 'gl_account']) }})
    and {{ nothing_is_out('d.source_relation', ['settlement', 'payment', 'gl_entry']) }}
