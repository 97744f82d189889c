{{ config(meta={'invariant': {'id': 'I18', 'contracts': ['inventory.stock', 'finance.journal', 'finance.gl_account']}}) }}

-- What the stock ledger is worth is what the inventory accounts say, every day: of a day on which they part both are
-- told, and what they are apart since.
with moved as (
    select m.source_relation, m.company_id, m.posting_date as day, m.value_base as stock, 0 as ledger
    from {{ ref('fct_stock_movements') }} as m
    union all
    select e.source_relation, e.company_id, e.posting_date, 0, e.amount_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and a.control_for = 'inventory'
),

days as (
    select
        m.source_relation,
        m.company_id,
        m.day,
        sum(m.stock) as stock_moved,
        sum(m.ledger) as ledger_moved,
        sum(sum(m.stock)) over (partition by m.source_relation, m.company_id order by m.day) as stock,
        sum(sum(m.ledger)) over (partition by m.source_relation, m.company_id order by m.day) as ledger
    from moved as m
    group by m.source_relation, m.company_id, m.day
)

select d.source_relation, d.company_id, d.day, d.ledger as expected, d.stock as actual
from days as d
where d.stock_moved <> d.ledger_moved
    and d.source_relation in ({{ relations_with(['stock_movement', 'gl_entry', 'gl_account']) }})
    and {{ nothing_is_out('d.source_relation', ['stock_movement', 'gl_entry', 'purchase_order', 'purchase_order_line']) }}
