{{ config(meta={'locator': {'document': 'sales_order', 'column': 'sales_order_key'}}) }}

-- an order has one currency: amounts of its lines could not be added up otherwise
with touched as (
    {{ touched_orders() }}
)

select
    o.sales_order_key,
    o.source_relation,
    o.order_id,
    f.order_line_id,
    o.currency_code as order_currency_code,
    f.currency_code as line_currency_code
from {{ ref('fct_sales_order_lines') }} as f
inner join touched as o on o.sales_order_key = f.sales_order_key
where f.currency_code <> o.currency_code
    and {{ not_released('sales_order', 'o.source_relation', 'o.order_id') }}
    and {{ is_new('f._generation') }}
