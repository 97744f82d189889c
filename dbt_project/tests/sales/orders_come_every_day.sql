{{ config(severity='warn', tags=['daily']) }}

-- days of the last five weeks on which a company had less than a tenth of the orders that the same weekday had in the eight
-- weeks before: part of a day may be lost. Companies with few orders have such days. Whole days are judged, so the first
-- build of a day does it, and others ask nothing
{%- if is_first_of_the_day() %}
with orders as (
    {{ few_rows(ref('base_sales_order'), 't.received_at > ' ~ as_of() ~ ' - interval 98 day') }}
),

counted as (
    select o.source_relation, o.company_id, cast(o.received_at as date) as order_date, count(*) as orders
    from orders as o
    where not o.is_deleted
    group by o.source_relation, o.company_id, cast(o.received_at as date)
),

companies as (
    select c.source_relation, c.company_id, min(c.order_date) as first_date
    from counted as c
    group by c.source_relation, c.company_id
),

by_day as (
    select
        f.source_relation,
        f.company_id,
        d.calendar_date as order_date,
        coalesce(c.orders, 0) as orders,
        avg(coalesce(c.orders, 0)) over (
            partition by f.source_relation, f.company_id, (d.calendar_date - cast('2000-01-03' as date)) % 7
            order by d.calendar_date rows between 8 preceding and 1 preceding
        ) as usual_orders
    from companies as f
    inner join ({{ days("(select min(k.first_date) from companies as k)", as_of_date()) }}) as d
        on d.calendar_date > f.first_date and d.calendar_date < {{ as_of_date() }}
    left join counted as c
        on c.source_relation = f.source_relation and c.company_id = f.company_id and c.order_date = d.calendar_date
)

select b.source_relation, b.company_id, b.order_date, b.usual_orders as expected, b.orders as actual
from by_day as b
where b.order_date > {{ as_of_date() }} - interval 35 day
    and b.usual_orders >= 10
    and b.orders * 10 < b.usual_orders
{%- else %}
select null as order_date where false
{%- endif %}
