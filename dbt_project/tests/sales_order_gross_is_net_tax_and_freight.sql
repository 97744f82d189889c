{{ config(meta={'locator': {'document': 'sales_order', 'column': 'sales_order_key'}}) }}

-- where a source gives the amounts: what the customer pays is net, tax and freight
with touched as (
    {{ touched_orders() }}
)

select
    o.sales_order_key,
    o.source_relation,
    o.order_id,
    o.net_amount,
    o.tax_amount,
    o.freight_amount,
    o.gross_amount,
    o.currency_code
from touched as o
where not o.is_deleted
    and o.gross_amount <> o.net_amount + o.tax_amount + o.freight_amount
    and {{ not_released('sales_order', 'o.source_relation', 'o.order_id') }}
