{{ config(materialized='table', tags=['daily']) }}

-- of the deliveries of a month, those of which the invoice went out within a business day; counted once that day is over
with deliveries as (
    select
        s.shipment_key,
        s.source_relation,
        o.company_id,
        cast(timezone(c.timezone, s.shipped_at) as date) as shipped_on,
        c.timezone
    from {{ ref('base_shipment') }} as s
    inner join {{ ref('base_sales_order') }} as o on o.sales_order_key = {{ key_of('s', 'order_id') }}
    inner join {{ ref('dim_company') }} as c on c.source_relation = o.source_relation and c.company_id = o.company_id
    where s.direction = 'outbound' and s.shipped_at is not null and not s.is_deleted and not o.is_deleted
        and s.status not in ('planned', 'picked', 'cancelled')
        and s.source_relation in ({{ relations_with(['shipment_line', 'invoice_line']) }})
),

judged as (
    select
        d.*,
        -- Monday after a Friday or a weekend
        d.shipped_on + case extract(isodow from d.shipped_on) when 5 then 3 when 6 then 2 else 1 end as deadline
    from deliveries as d
),

-- each delivery and invoice once, whatever lines they share: looking up the zone's clock costs more than all else here
invoices as (
    select distinct j.shipment_key, j.shipped_on, j.timezone, i.issued_at
    from judged as j
    inner join {{ ref('base_shipment_line') }} as l on l.shipment_key = j.shipment_key and not l.is_deleted
    inner join {{ ref('fct_invoice_lines') }} as b
        on b.source_relation = l.source_relation and b.order_line_id = l.order_line_id
        and b.direction = 'receivable' and b.document_type = 'invoice' and b.is_in_ledger
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = b.invoice_key
),

invoiced as (
    select i.shipment_key, min(case when i.issued_on >= i.shipped_on then i.issued_on end) as issued_on
    from (
        select i.shipment_key, i.shipped_on, cast(timezone(i.timezone, i.issued_at) as date) as issued_on
        from invoices as i
    ) as i
    group by i.shipment_key
),

period as (
    select
        j.source_relation,
        j.company_id,
        {{ month_of('j.shipped_on') }} as period_start,
        max(j.shipped_on) as period_end,
        sum(case when v.issued_on <= j.deadline then 1 else 0 end) as numerator,
        count(*) as denominator
    from judged as j
    left join invoiced as v on v.shipment_key = j.shipment_key
    where j.deadline < {{ as_of_date() }}
    group by j.source_relation, j.company_id, {{ month_of('j.shipped_on') }}
)

select
    {{ hashed(
        "'M06|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    cast(null as varchar) as currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator * 100 / nullif(p.denominator, 0) as decimal(18, 4)) as value
from period as p
