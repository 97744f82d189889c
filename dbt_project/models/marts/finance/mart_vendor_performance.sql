{{ config(materialized='table', tags=['daily']) }}

with bills as (
    select
        i.*,
        s.settled_on,
        v.early_discount_pct,
        v.early_discount_days,
        case
            when i.document_type = 'invoice' and v.early_discount_days is not null
                then coalesce({{ at_rate('i.gross_amount_base', 'v.early_discount_pct * 0.01') }}, 0)
            else 0
        end as discount_offered_base
    from {{ ref('fct_invoices') }} as i
    left join (
        select o.item_key, o.open_from as settled_on
        from {{ ref('int_finance__open_items') }} as o
        where o.item_type = 'document' and o.open_to is null and o.open_amount = 0
    ) as s on s.item_key = i.invoice_key
    left join {{ ref('dim_vendor') }} as v
        on v.vendor_entity_key = i.party_entity_key
        and {{ in_force('cast(i.invoice_date as timestamptz)', 'v.valid_from', 'v.valid_to') }}
    where i.direction = 'payable' and i.is_in_ledger
),

due as (
    select
        b.source_relation, b.company_id, b.party_id as vendor_id, {{ month_of('b.due_date') }} as month_start,
        count(*) as bills_due,
        sum(b.gross_amount_base) as due_base,
        sum(case when b.settled_on <= b.due_date then 1 else 0 end) as bills_on_time,
        sum(case when b.settled_on <= b.due_date then b.gross_amount_base else 0 end) as on_time_base
    from bills as b
    where b.document_type <> 'credit_note' and b.due_date <= {{ as_of_date() }}
    group by b.source_relation, b.company_id, b.party_id, {{ month_of('b.due_date') }}
),

taken as (
    select
        a.source_relation, a.invoice_key,
        sum({{ at_rate('coalesce(a.discount_taken, 0)', 'i.fx_rate') }}) as captured_base
    from {{ ref('fct_payment_allocations') }} as a
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = a.invoice_key
    where a.unapplied_date is null
    group by a.source_relation, a.invoice_key
),

billed as (
    select
        b.source_relation, b.company_id, b.party_id as vendor_id, {{ month_of('b.invoice_date') }} as month_start,
        count(*) as bills,
        sum(b.gross_amount_base) as billed_base,
        sum(case when b.status = 'disputed' or b.dispute_reason is not null then 1 else 0 end) as disputed_bills,
        sum(b.discount_offered_base) as discount_offered_base,
        sum(coalesce(t.captured_base, 0)) as discount_captured_base,
        -- lost once the days for it are over
        sum(
            case
                when b.discount_offered_base > 0
                    and b.invoice_date + b.early_discount_days < {{ as_of_date() }}
                    then greatest(b.discount_offered_base - coalesce(t.captured_base, 0), 0)
                else 0
            end
        ) as discount_lost_base
    from bills as b
    left join taken as t on t.invoice_key = b.invoice_key
    group by b.source_relation, b.company_id, b.party_id, {{ month_of('b.invoice_date') }}
),

priced as (
    select
        b.source_relation, b.company_id, i.party_id as vendor_id, {{ month_of('b.invoice_date') }} as month_start,
        sum(
            round({{ times(times('b.quantity', '(b.unit_price - l.unit_price)'), 'i.fx_rate') }}, 2)
        ) as price_variance_base
    from ({{ bills_of_orders() }}) as b
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = b.invoice_key
    inner join {{ ref('fct_purchase_order_lines') }} as l on l.purchase_order_line_key = b.purchase_order_line_key
    group by b.source_relation, b.company_id, i.party_id, {{ month_of('b.invoice_date') }}
),

-- a line is on time when all of it that is good had come by the end of the day it was expected
came as (
    select l.purchase_order_line_key, sum(r.quantity) as on_time_qty
    from {{ ref('fct_purchase_order_lines') }} as l
    inner join ({{ goods_receipts() }}) as r on r.purchase_order_line_key = l.purchase_order_line_key
    inner join {{ ref('dim_company') }} as c on c.source_relation = l.source_relation and c.company_id = l.company_id
    where cast(timezone(c.timezone, r.posting_at) as date) <= l.expected_date
    group by l.purchase_order_line_key
),

delivered as (
    select
        l.source_relation, l.company_id, l.vendor_id, {{ month_of('l.expected_date') }} as month_start,
        count(*) as lines_expected,
        sum(case when coalesce(c.on_time_qty, 0) >= l.ordered_qty - l.rejected_qty then 1 else 0 end) as lines_on_time
    from {{ ref('fct_purchase_order_lines') }} as l
    left join came as c on c.purchase_order_line_key = l.purchase_order_line_key
    where l.expected_date <= {{ as_of_date() }} and l.order_status not in ('draft', 'cancelled')
        and l.product_id is not null
    group by l.source_relation, l.company_id, l.vendor_id, {{ month_of('l.expected_date') }}
),

months as (
    select d.source_relation, d.company_id, d.vendor_id, d.month_start from due as d
    union
    select b.source_relation, b.company_id, b.vendor_id, b.month_start from billed as b
    union
    select l.source_relation, l.company_id, l.vendor_id, l.month_start from delivered as l
)

select
    {{ hashed(
        "m.source_relation || '|' || m.company_id || '|' || m.vendor_id || '|' || cast(m.month_start as varchar)"
    ) }} as vendor_performance_key,
    m.source_relation,
    m.company_id,
    m.vendor_id,
    {{ key_of('m', 'vendor_id') }} as vendor_entity_key,
    m.month_start,
    k.functional_currency as currency_code,
    cast(coalesce(d.bills_due, 0) as integer) as bills_due,
    cast(coalesce(d.bills_on_time, 0) as integer) as bills_on_time,
    cast(coalesce(d.due_base, 0) as decimal(18, 4)) as due_amount,
    cast(coalesce(d.on_time_base, 0) as decimal(18, 4)) as on_time_amount,
    cast(coalesce(b.bills, 0) as integer) as bills,
    cast(coalesce(b.billed_base, 0) as decimal(18, 4)) as billed_amount,
    cast(coalesce(b.disputed_bills, 0) as integer) as disputed_bills,
    cast(coalesce(l.lines_expected, 0) as integer) as lines_expected,
    cast(coalesce(l.lines_on_time, 0) as integer) as lines_on_time,
    cast(coalesce(p.price_variance_base, 0) as decimal(18, 4)) as price_variance_amount,
    cast(coalesce(b.discount_offered_base, 0) as decimal(18, 4)) as discount_offered_amount,
    cast(coalesce(b.discount_captured_base, 0) as decimal(18, 4)) as discount_captured_amount,
    cast(coalesce(b.discount_lost_base, 0) as decimal(18, 4)) as discount_lost_amount
from months as m
left join {{ ref('dim_company') }} as k on k.source_relation = m.source_relation and k.company_id = m.company_id
left join due as d
    on d.source_relation = m.source_relation and d.company_id = m.company_id and d.vendor_id = m.vendor_id
    and d.month_start = m.month_start
left join billed as b
    on b.source_relation = m.source_relation and b.company_id = m.company_id and b.vendor_id = m.vendor_id
    and b.month_start = m.month_start
left join priced as p
    on p.source_relation = m.source_relation and p.company_id = m.company_id and p.vendor_id = m.vendor_id
    and p.month_start = m.month_start
left join delivered as l
    on l.source_relation = m.source_relation and l.company_id = m.company_id and l.vendor_id = m.vendor_id
    and l.month_start = m.month_start
