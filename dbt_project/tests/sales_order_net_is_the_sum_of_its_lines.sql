{{ config(meta={'invariant': {'id': 'I14', 'contracts': ['sales.order']}, 'locator': {'document': 'sales_order', 'column': 'sales_order_key'}}) }}

-- where a source gives the order's net amount, it is the sum of its lines; an order with a line that waits is not complete
with touched as materialized (
    {{ touched_orders() }}
),

orders as (
    select o.*
    from touched as o
    where not o.is_deleted
        and o.net_amount is not null
        and {{ not_released('sales_order', 'o.source_relation', 'o.order_id') }}
        and {{ is_complete('sales_order_line', 'o.source_relation', 'o.order_id') }}
),

lines as (
    select
        f.sales_order_key,
        sum(f.net_amount) as net_amount
    from {{ ref('fct_sales_order_lines') }} as f
    where {{ is_new('f._generation') }} -- of a touched order every line is written anew
    group by f.sales_order_key
)

select
    o.sales_order_key,
    o.source_relation,
    o.order_id,
    o.net_amount as order_net_amount,
    l.net_amount as lines_net_amount,
    o.currency_code
from orders as o
inner join lines as l on l.sales_order_key = o.sales_order_key
where l.net_amount <> o.net_amount
