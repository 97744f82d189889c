-- depends_on: {{ ref('int_sales__touched_months') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('sales_month_key', 'int_sales__touched_months', 'sales_month_key') }}"
) }}

with lines as (
    {%- if is_incremental() %}
    {{ few_rows(
        ref('fct_sales_order_lines'),
        't.sales_month_key in (select k.key from ' ~ ref('int_sales__touched_months') ~ ' as k)'
    ) }}
    {%- else %}
    select f.* from {{ ref('fct_sales_order_lines') }} as f
    {%- endif %}
),

months as (
    select
        l.sales_month_key,
        l.source_relation,
        cast(date_trunc('month', l.order_date) as date) as sales_month,
        l.customer_id,
        l.employee_id,
        l.currency_code,
        -- attributes in force at the month's last order
        max_by(l.customer_key, l.received_at) as customer_key,
        max_by(l.employee_key, l.received_at) as employee_key,
        cast(count(distinct case when not l.is_cancelled then l.order_id end) as bigint) as order_count,
        cast(sum(case when not l.is_cancelled then 1 else 0 end) as bigint) as line_count,
        cast(sum(case when not l.is_cancelled then l.ordered_qty else 0 end) as decimal(18, 4)) as ordered_qty,
        cast(sum(case when not l.is_cancelled then l.gross_amount else 0 end) as decimal(18, 4)) as gross_amount,
        cast(sum(case when not l.is_cancelled then l.discount_amount else 0 end) as decimal(18, 4)) as discount_amount,
        cast(sum(case when not l.is_cancelled then l.net_amount else 0 end) as decimal(18, 4)) as net_amount,
        cast(sum(case when l.is_cancelled then l.net_amount else 0 end) as decimal(18, 4)) as cancelled_amount
    from lines as l
    group by
        l.sales_month_key,
        l.source_relation,
        cast(date_trunc('month', l.order_date) as date),
        l.customer_id,
        l.employee_id,
        l.currency_code
)

select
    m.sales_month_key,
    m.source_relation,
    m.sales_month,
    m.customer_id,
    c.customer_name,
    c.region as customer_region,
    c.segment as customer_segment,
    c.country_code as customer_country_code,
    m.employee_id,
    e.employee_name,
    m.currency_code,
    m.order_count,
    m.line_count,
    m.ordered_qty,
    m.gross_amount,
    m.discount_amount,
    m.net_amount,
    m.cancelled_amount,
    {{ generation() }} as _generation
from months as m
left join {{ ref('dim_customer') }} as c on c.customer_key = m.customer_key
left join {{ ref('dim_employee') }} as e on e.employee_key = m.employee_key
