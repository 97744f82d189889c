{{ config(materialized='table', tags=['daily']) }}

with today as (
    select {{ as_of_date() }} as as_of_date
),

open_documents as (
    select
        o.source_relation, o.company_id, o.party_id,
        sum(o.open_amount_base) as open_base,
        sum(case when o.due_date < o.as_of_date then o.open_amount_base else 0 end) as overdue_base
    from ({{ open_items('today', 'receivable') }}) as o
    group by o.source_relation, o.company_id, o.party_id
),

cash as (
    select u.source_relation, u.company_id, u.party_id, sum(u.unapplied_amount_base) as unapplied_base
    from ({{ unapplied_cash('today', 'receivable') }}) as u
    group by u.source_relation, u.company_id, u.party_id
),

-- what is confirmed and not yet invoiced in full; an order that nobody confirmed is no promise
open_orders as (
    {{ few_rows(
        ref('base_sales_order'), "t.status not in ('received', 'availability_checked', 'invoiced', 'cancelled')"
    ) }}
),

billed as (
    select i.source_relation, i.order_id, sum(i.gross_amount) as gross_amount
    from {{ ref('fct_invoices') }} as i
    where i.direction = 'receivable' and i.is_in_ledger and i.document_type = 'invoice' and i.order_id is not null
    group by i.source_relation, i.order_id
),

promised as (
    select
        o.source_relation,
        o.company_id,
        o.customer_id,
        o.status,
        o.fx_rate,
        case
            when o.confirmed_at is null then 0
            else greatest(coalesce(o.gross_amount, o.net_amount, 0) - coalesce(b.gross_amount, 0), 0)
        end as uninvoiced
    from open_orders as o
    left join billed as b on b.source_relation = o.source_relation and b.order_id = o.order_id
    where not o.is_deleted
        -- where invoices are not told, what is not invoiced yet is not known
        and o.source_relation in ({{ relations_with(['sales_order', 'invoice']) }})
),

orders as (
    select
        o.source_relation, o.company_id, o.customer_id as party_id,
        sum(case when o.status = 'on_hold' then 1 else 0 end) as orders_on_hold,
        sum(case when o.uninvoiced > 0 then 1 else 0 end) as uninvoiced_orders,
        sum({{ at_rate('o.uninvoiced', 'o.fx_rate') }}) as uninvoiced_base
    from promised as o
    group by o.source_relation, o.company_id, o.customer_id
),

settled as (
    select
        i.source_relation, i.company_id, i.party_id,
        count(*) as settled_invoices,
        sum(greatest(o.open_from - i.due_date, 0)) as days_late_total
    from {{ ref('int_finance__open_items') }} as o
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = o.item_key
    where o.item_type = 'document' and o.open_to is null and o.open_amount = 0
        and i.direction = 'receivable' and i.document_type <> 'credit_note' and i.status <> 'written_off'
        and o.open_from > {{ as_of_date() }} - interval 365 day and o.open_from <= {{ as_of_date() }}
    group by i.source_relation, i.company_id, i.party_id
),

parties as (
    select o.source_relation, o.company_id, o.party_id from open_documents as o
    union
    select c.source_relation, c.company_id, c.party_id from cash as c
    union
    select r.source_relation, r.company_id, r.party_id from orders as r
    union
    select s.source_relation, s.company_id, s.party_id from settled as s
),

customers as (
    select c.* from {{ ref('dim_customer') }} as c where c.is_current
),

told_rates as (
    select f.source_relation, f.from_currency, f.to_currency, f.rate_date, f.rate_type, f.rate, 0 as is_turned
    from {{ ref('base_fx_rate') }} as f
    where not f.is_deleted and f.rate_type in ('spot', 'closing') and f.rate_date <= {{ as_of_date() }}
    union all
    select
        f.source_relation, f.to_currency, f.from_currency, f.rate_date, f.rate_type,
        cast(1 / f.rate as decimal(18, 8)), 1
    from {{ ref('base_fx_rate') }} as f
    where not f.is_deleted and f.rate_type in ('spot', 'closing') and f.rate_date <= {{ as_of_date() }}
),

-- the newest rate of each pair up to the day, told either way round; of one day a spot rate, told this way, comes first
rates as (
    select r.source_relation, r.from_currency, r.to_currency, r.rate
    from (
        select
            t.*,
            row_number() over (
                partition by t.source_relation, t.from_currency, t.to_currency
                order by t.rate_date desc, t.is_turned, case t.rate_type when 'spot' then 1 else 2 end
            ) as place
        from told_rates as t
    ) as r
    where r.place = 1
),

joined as (
    select
        p.source_relation,
        p.company_id,
        p.party_id,
        d.functional_currency,
        c.status as customer_status,
        c.credit_limit,
        c.currency_code as credit_limit_currency_code,
        case
            when c.currency_code = d.functional_currency then c.credit_limit
            else {{ at_rate('c.credit_limit', 'r.rate') }}
        end as credit_limit_base,
        coalesce(o.open_base, 0) as open_base,
        coalesce(o.overdue_base, 0) as overdue_base,
        coalesce(u.unapplied_base, 0) as unapplied_base,
        coalesce(n.uninvoiced_base, 0) as uninvoiced_base,
        coalesce(n.uninvoiced_orders, 0) as uninvoiced_orders,
        coalesce(n.orders_on_hold, 0) as orders_on_hold,
        coalesce(s.settled_invoices, 0) as settled_invoices,
        coalesce(s.days_late_total, 0) as days_late_total
    from parties as p
    left join {{ ref('dim_company') }} as d on d.source_relation = p.source_relation and d.company_id = p.company_id
    left join customers as c on c.source_relation = p.source_relation and c.customer_id = p.party_id
    left join rates as r
        on r.source_relation = p.source_relation and r.from_currency = c.currency_code
        and r.to_currency = d.functional_currency
    left join open_documents as o
        on o.source_relation = p.source_relation and o.company_id = p.company_id and o.party_id = p.party_id
    left join cash as u
        on u.source_relation = p.source_relation and u.company_id = p.company_id and u.party_id = p.party_id
    left join orders as n
        on n.source_relation = p.source_relation and n.company_id = p.company_id and n.party_id = p.party_id
    left join settled as s
        on s.source_relation = p.source_relation and s.company_id = p.company_id and s.party_id = p.party_id
)

select
    {{ hashed("j.source_relation || '|' || coalesce(j.company_id, '') || '|' || j.party_id") }} as credit_exposure_key,
    j.source_relation,
    j.company_id,
    j.party_id as customer_id,
    {{ key_of('j', 'party_id') }} as customer_entity_key,
    {{ as_of_date() }} as as_of_date,
    j.customer_status,
    j.functional_currency as currency_code,
    cast(j.open_base as decimal(18, 4)) as open_amount,
    cast(j.overdue_base as decimal(18, 4)) as overdue_amount,
    cast(j.unapplied_base as decimal(18, 4)) as unapplied_amount,
    cast(j.uninvoiced_base as decimal(18, 4)) as uninvoiced_amount,
    cast(j.open_base + j.uninvoiced_base as decimal(18, 4)) as exposure_amount,
    j.credit_limit,
    j.credit_limit_currency_code,
    cast(j.credit_limit_base as decimal(18, 4)) as credit_limit_amount,
    cast(100 * (j.open_base + j.uninvoiced_base) / nullif(j.credit_limit_base, 0) as decimal(18, 4)) as utilisation_pct,
    cast(100 * j.overdue_base / nullif(j.open_base, 0) as decimal(18, 4)) as overdue_pct,
    cast(j.uninvoiced_orders as integer) as uninvoiced_orders,
    cast(j.orders_on_hold as integer) as orders_on_hold,
    cast(j.settled_invoices as integer) as settled_invoices,
    cast(j.days_late_total as integer) as days_late_total
from joined as j
