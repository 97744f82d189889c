-- orders whose fact rows must be rebuilt: the order or a line changed or left, or a dimension has other versions in force
with build as (
    select b.published_generation from {{ ref('int_build') }} as b
),

requalified as (
    select q.*
    from {{ source('meta', 'requalified') }} as q
    where q.generation > (select b.published_generation from build as b)
),

left_behind as (
    select t.model, t.key
    from {{ source('meta', 'touched') }} as t
    where t.generation > (select b.published_generation from build as b)
)

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
where o._generation > (select b.published_generation from build as b)

union

select md5(l.source_relation || '|' || l.order_id) as key
from {{ ref('base_sales_order_line') }} as l
where l._generation > (select b.published_generation from build as b)

union

select q.key
from requalified as q
where q.entity = 'sales_order'

union

select t.key
from left_behind as t
where t.model = 'sales_order_line.order_id'

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join {{ ref('dim_customer') }} as c
    on c.source_relation = o.source_relation
    and c.customer_id = o.customer_id
    and o.received_at >= c.valid_from
    and (c.valid_to is null or o.received_at < c.valid_to)
where c._known_generation > (select b.published_generation from build as b)

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join {{ ref('dim_employee') }} as e
    on e.source_relation = o.source_relation
    and e.employee_id = o.salesperson_id
    and o.received_at >= e.valid_from
    and (e.valid_to is null or o.received_at < e.valid_to)
where e._known_generation > (select b.published_generation from build as b)

union

select o.sales_order_key as key
from {{ ref('base_sales_order_line') }} as l
inner join {{ ref('base_sales_order') }} as o
    on o.source_relation = l.source_relation and o.order_id = l.order_id
inner join {{ ref('dim_product') }} as p
    on p.source_relation = l.source_relation
    and p.product_id = l.product_id
    and o.received_at >= p.valid_from
    and (p.valid_to is null or o.received_at < p.valid_to)
where p._known_generation > (select b.published_generation from build as b)

union

-- versions of a dimension left or came back: the stretches of its history moved
select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join requalified as q
    on q.source_relation = o.source_relation
    and ((q.entity = 'customer' and q.native_key = o.customer_id)
        or (q.entity = 'employee' and q.native_key = o.salesperson_id))

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
inner join requalified as q
    on q.source_relation = l.source_relation and q.native_key = l.product_id
where q.entity = 'product'

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
where
    md5(o.source_relation || '|' || o.salesperson_id) in (
        select t.key from left_behind as t where t.model = 'employment.employee_id'
    )
