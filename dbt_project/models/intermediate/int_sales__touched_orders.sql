-- orders whose fact rows must be rebuilt: the order or a line changed, or a dimension got a version in force at the order
select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
where o._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select md5(l.source_relation || '|' || l.order_id) as key
from {{ ref('base_sales_order_line') }} as l
where l._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join {{ ref('dim_customer') }} as c
    on c.customer_entity_key = md5(o.source_relation || '|' || o.customer_id)
    and o.received_at >= c.valid_from
    and (c.valid_to is null or o.received_at < c.valid_to)
where c._known_generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join {{ ref('dim_employee') }} as e
    on e.employee_entity_key = md5(o.source_relation || '|' || o.salesperson_id)
    and o.received_at >= e.valid_from
    and (e.valid_to is null or o.received_at < e.valid_to)
where e._known_generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

-- an assignment splits its employees' versions, and one that is gone no longer does
select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
where md5(o.source_relation || '|' || o.salesperson_id) in (
    select r.key from {{ ref('int_employee__reassigned') }} as r
)

union

select md5(l.source_relation || '|' || l.order_id) as key
from {{ ref('base_sales_order_line') }} as l
inner join {{ ref('base_sales_order') }} as o
    on o.sales_order_key = md5(l.source_relation || '|' || l.order_id)
inner join {{ ref('dim_product') }} as p
    on p.product_entity_key = md5(l.source_relation || '|' || l.product_id)
    and o.received_at >= p.valid_from
    and (p.valid_to is null or o.received_at < p.valid_to)
where p._known_generation > (select b.published_generation from {{ ref('int_build') }} as b)
