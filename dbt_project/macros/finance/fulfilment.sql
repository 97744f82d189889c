{#
  Orders whose rows, deliveries or bills this build wrote, as the SELECT of a column `key`; in a full build all.
#}
{% macro orders_to_compare() -%}
    select t.key from {{ ref('int_sales__touched_orders') }} as t
    union
    select {{ key_of('s', 'order_id') }}
    from {{ ref('base_shipment') }} as s
    where {{ is_new('s._generation') }}
    union
    select {{ key_of('s', 'order_id') }}
    from {{ ref('base_shipment') }} as s
    where s.shipment_key in (select n.shipment_key from {{ ref('base_shipment_line') }} as n where {{ is_new('n._generation') }})
    union
    select {{ key_of('i', 'order_id') }}
    from {{ ref('fct_invoices') }} as i
    where i.direction = 'receivable' and i.order_id is not null and {{ is_new('i._generation') }}
{%- endmacro %}

{#
  CTEs of what was ordered, left the house and came back of those orders: `touched` (keys), `orders`, `order_lines`, and
  `moved` with shipped_qty and returned_qty by order line. A delivery counts once it is on its way.
#}
{% macro ordered_and_shipped() -%}
touched as materialized (
    {{ orders_to_compare() }}
),

orders as materialized (
    {{ few_rows(ref('base_sales_order'), 't.sales_order_key in (select k.key from touched as k)') }}
),

order_lines as (
    {{ few_rows(ref('base_sales_order_line'), 't.sales_order_key in (select k.key from touched as k)') }}
),

shipments as materialized (
    {{ few_rows(
        ref('base_shipment'), '(t.source_relation, t.order_id) in (select (o.source_relation, o.order_id) from orders as o)'
    ) }}
),

shipment_lines as (
    {{ few_rows(ref('base_shipment_line'), 't.shipment_key in (select s.shipment_key from shipments as s)') }}
),

moved as (
    select
        l.source_relation,
        l.order_line_id,
        sum(case when s.direction = 'outbound' then l.quantity else 0 end) as shipped_qty,
        sum(case when s.direction = 'return' then l.quantity else 0 end) as returned_qty
    from shipment_lines as l
    inner join shipments as s on s.shipment_key = l.shipment_key
    where not l.is_deleted and not s.is_deleted and s.status not in ('planned', 'picked', 'cancelled')
    group by l.source_relation, l.order_line_id
)
{%- endmacro %}

{#
  CTE `orders_unseen`: orders of which a bill, or its line, is out: by what the bill says, or by the bill whose line
  waits. Null where it cannot be read.
#}
{% macro orders_unseen() -%}
orders_unseen as materialized (
    select distinct q.source_relation, {{ json_text('q.told', 'order_id') }} as order_id
    from {{ source('meta', 'quarantined') }} as q
    where q.entity = 'invoice' and (q.told is null or {{ json_text('q.told', 'order_id') }} is not null)
    union
    select l.source_relation, i.order_id
    from {{ source('meta', 'quarantined') }} as l
    left join {{ ref('fct_invoices') }} as i
        on i.source_relation = l.source_relation and i.invoice_id = {{ json_text('l.told', 'invoice_id') }}
    where l.entity = 'invoice_line' and l.rule not in ('document', 'hold') and (l.told is null or i.order_id is not null)
    union
    select w.source_relation, i.order_id
    from {{ source('meta', 'waiting') }} as w
    left join {{ ref('fct_invoices') }} as i
        on i.source_relation = w.source_relation and i.invoice_id = coalesce(w.document_key, w.value)
    where w.entity in ('invoice', 'invoice_line')
)
{%- endmacro %}
