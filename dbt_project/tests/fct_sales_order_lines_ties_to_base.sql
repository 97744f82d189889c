-- every live line of a live order is in the fact, once, with its amount: count and sum agree for each source and currency,
-- over the orders this build touched; a full build touches all
with orders as materialized (
    {{ touched_orders() }}
),

lines as (
    {{ few_rows(ref('base_sales_order_line'), 't.sales_order_key in (select o.sales_order_key from orders as o)') }}
),

base as (
    select
        l.source_relation,
        l.currency_code,
        count(*) as line_count,
        sum(l.net_amount) as net_amount
    from lines as l
    inner join orders as o on o.sales_order_key = l.sales_order_key
    where not l.is_deleted and not o.is_deleted
    group by l.source_relation, l.currency_code
),

fact as (
    select
        f.source_relation,
        f.currency_code,
        count(*) as line_count,
        sum(f.net_amount) as net_amount
    from {{ ref('fct_sales_order_lines') }} as f
    where f.sales_order_key in (select t.key from {{ ref('int_sales__touched_orders') }} as t)
    group by f.source_relation, f.currency_code
)

select
    coalesce(b.source_relation, f.source_relation) as source_relation,
    coalesce(b.currency_code, f.currency_code) as currency_code,
    b.line_count as base_lines,
    f.line_count as fact_lines,
    b.net_amount as base_net_amount,
    f.net_amount as fact_net_amount
from base as b
full outer join fact as f on f.source_relation = b.source_relation and f.currency_code = b.currency_code
where b.line_count is distinct from f.line_count or b.net_amount is distinct from f.net_amount
