-- depends_on: {{ ref('int_sales__touched_orders') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('sales_order_key', 'int_sales__touched_orders', 'order_line_key', dependent={'model': 'mart_sales_by_month_customer_employee', 'key': 'sales_month_key'}) }}"
) }}

{% if is_incremental() -%}
with orders as materialized (
    {{ touched_orders() }}
),

lines as (
    {{ few_rows(ref('base_sales_order_line'), 't.sales_order_key in (select o.sales_order_key from orders as o)') }}
),
{%- else -%}
with orders as (
    select o.* from {{ ref('base_sales_order') }} as o
),

lines as (
    select l.* from {{ ref('base_sales_order_line') }} as l
),
{%- endif %}

joined as (
    select
        l.sales_order_line_key as order_line_key,
        o.sales_order_key,
        l.source_relation,
        l.order_line_id,
        l.order_id,
        o.order_number,
        l.line_number,
        o.company_id,
        o.customer_id,
        c.customer_key,
        o.salesperson_id as employee_id,
        e.employee_key,
        l.product_id,
        p.product_key,
        o.channel,
        o.status as order_status,
        o.status = 'cancelled' as is_cancelled,
        o.received_at,
        -- the business day is taken in the source's own zone: midnight in Copenhagen is yesterday in UTC
        cast(timezone(o._timezone, o.received_at) as date) as order_date,
        o.requested_date,
        coalesce(l.promised_date, o.promised_date) as promised_date,
        l.ordered_qty,
        l.cancelled_qty,
        l.unit_price,
        l.discount_pct,
        cast(round({{ times('l.ordered_qty', 'l.unit_price') }}, 2) as decimal(18, 4)) as gross_amount,
        cast(round({{ times('l.ordered_qty', 'l.unit_price') }}, 2) - l.net_amount as decimal(18, 4)) as discount_amount,
        l.net_amount,
        l.currency_code,
        l._batch_id,
        l._row_hash
    from lines as l
    inner join orders as o on o.sales_order_key = l.sales_order_key
    left join {{ ref('dim_customer') }} as c
        on c.customer_entity_key = {{ key_of('o', 'customer_id') }}
        and {{ in_force('o.received_at', 'c.valid_from', 'c.valid_to') }}
    left join {{ ref('dim_employee') }} as e
        on e.employee_entity_key = {{ key_of('o', 'salesperson_id') }}
        and {{ in_force('o.received_at', 'e.valid_from', 'e.valid_to') }}
    left join {{ ref('dim_product') }} as p
        on p.product_entity_key = {{ key_of('l', 'product_id') }}
        and {{ in_force('o.received_at', 'p.valid_from', 'p.valid_to') }}
    where not l.is_deleted and not o.is_deleted
)

select
    j.*,
    {{ sales_month_key('j') }} as sales_month_key,
    {{ generation() }} as _generation
from joined as j
