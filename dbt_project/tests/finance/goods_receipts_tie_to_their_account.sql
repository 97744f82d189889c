{{ config(meta={'invariant': {
    'id': 'I21', 'contracts': ['purchasing.order', 'inventory.stock', 'finance.invoice', 'finance.journal', 'finance.gl_account']
}}) }}

-- what was received and is not billed yet, at what its receipt was worth, is what the account for it holds. Compared where
-- every order, receipt and bill of the source is in sight
with receipts as (
    {{ goods_receipts() }}
),

billed as (
    {{ billed_order_lines() }}
),

expected as (
    select
        r.source_relation,
        r.company_id,
        sum(
            case
                when coalesce(b.billed_qty, 0) <= r.received_before then r.value_base
                when coalesce(b.billed_qty, 0) >= r.received_until then 0
                -- a part of a receipt that is billed takes its share
                else r.value_base - cast(
                    r.value_base * (b.billed_qty - r.received_before) / (r.received_until - r.received_before) as decimal(18, 2)
                )
            end
        ) as amount_base
    from receipts as r
    left join billed as b on b.purchase_order_line_key = r.purchase_order_line_key
    group by r.source_relation, r.company_id
),

actual as (
    select e.source_relation, e.company_id, -sum(e.amount_base) as amount_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where a.control_for = 'grni' and e.is_posted
    group by e.source_relation, e.company_id
)

select
    coalesce(x.source_relation, a.source_relation) as source_relation,
    coalesce(x.company_id, a.company_id) as company_id,
    coalesce(x.amount_base, 0) as expected_amount_base,
    coalesce(a.amount_base, 0) as actual_amount_base
from expected as x
full outer join actual as a on a.source_relation = x.source_relation and a.company_id = x.company_id
where coalesce(x.amount_base, 0) <> coalesce(a.amount_base, 0)
    and coalesce(x.source_relation, a.source_relation) in ({{ relations_with(
        ['purchase_order', 'purchase_order_line', 'stock_movement', 'invoice', 'invoice_line', 'gl_entry', 'gl_account']
    ) }})
    and {{ nothing_is_out('coalesce(x.source_relation, a.source_relation)', ['purchase_order', 'purchase_order_line', 'stock_movement', 'invoice', 'invoice_line', 'gl_entry']) }}
