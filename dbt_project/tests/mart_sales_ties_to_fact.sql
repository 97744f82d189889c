-- the mart's months add up to the fact, for each source and currency, over the months this build touched; a full build
-- touches all
with touched as (
    select t.key from {{ ref('int_sales__touched_months') }} as t
),

fact as (
    select
        f.source_relation,
        f.currency_code,
        sum(case when not f.is_cancelled then f.net_amount else 0 end) as net_amount,
        sum(case when f.is_cancelled then f.net_amount else 0 end) as cancelled_amount
    from {{ ref('fct_sales_order_lines') }} as f
    where f.sales_month_key in (select t.key from touched as t)
    group by f.source_relation, f.currency_code
),

mart as (
    select
        m.source_relation,
        m.currency_code,
        sum(m.net_amount) as net_amount,
        sum(m.cancelled_amount) as cancelled_amount
    from {{ ref('mart_sales_by_month_customer_employee') }} as m
    where m.sales_month_key in (select t.key from touched as t)
    group by m.source_relation, m.currency_code
)

select
    coalesce(f.source_relation, m.source_relation) as source_relation,
    coalesce(f.currency_code, m.currency_code) as currency_code,
    f.net_amount as fact_net_amount,
    m.net_amount as mart_net_amount
from fact as f
full outer join mart as m on m.source_relation = f.source_relation and m.currency_code = f.currency_code
where f.net_amount is distinct from m.net_amount or f.cancelled_amount is distinct from m.cancelled_amount
