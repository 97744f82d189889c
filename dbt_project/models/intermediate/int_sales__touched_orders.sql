-- depends_on: {{ ref('base_sales_order') }}
-- depends_on: {{ ref('base_sales_order_line') }}
-- depends_on: {{ ref('dim_product') }}
-- depends_on: {{ ref('dim_customer') }}
-- depends_on: {{ ref('dim_employee') }}
-- depends_on: {{ ref('base_employee') }}
-- depends_on: {{ ref('int_employee__reassigned') }}
-- depends_on: {{ source('meta', 'requalified') }}
-- depends_on: {{ source('meta', 'touched') }}
{{ config(materialized='table') }}

-- orders whose fact rows must be rebuilt: the order or a line changed or left, or a dimension has other versions in force
{%- if not var('published_generation') %}
-- in a full build every order is new
select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
{%- else %}
with requalified as (
    select q.*
    from {{ source('meta', 'requalified') }} as q
    where {{ is_new('q.generation') }}
),

left_behind as (
    select t.model, t.key
    from {{ source('meta', 'touched') }} as t
    where {{ is_new('t.generation') }}
),

-- apart, so that lines meet the few products first: joined all at once, orders may meet products of the same source
lines_of_products as materialized (
    select l.sales_order_key, p.valid_from, p.valid_to
    from {{ ref('base_sales_order_line') }} as l
    inner join {{ ref('dim_product') }} as p
        on p.source_relation = l.source_relation and p.product_id = l.product_id
    where {{ is_new('p._known_generation') }}
)

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
where {{ is_new('o._generation') }}

union

select l.sales_order_key as key
from {{ ref('base_sales_order_line') }} as l
where {{ is_new('l._generation') }}

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
    and {{ in_force('o.received_at', 'c.valid_from', 'c.valid_to') }}
where {{ is_new('c._known_generation') }}

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join {{ ref('dim_employee') }} as e
    on e.source_relation = o.source_relation
    and e.employee_id = o.salesperson_id
    and {{ in_force('o.received_at', 'e.valid_from', 'e.valid_to') }}
where {{ is_new('e._known_generation') }}

union

select o.sales_order_key as key
from lines_of_products as l
inner join {{ ref('base_sales_order') }} as o
    on o.sales_order_key = l.sales_order_key
    and {{ in_force('o.received_at', 'l.valid_from', 'l.valid_to') }}

union

-- versions of a dimension left or came back: the stretches of its history moved
select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join requalified as q
    on q.source_relation = o.source_relation
    and q.native_key = o.customer_id
where q.entity = 'customer'

union

select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join requalified as q
    on q.source_relation = o.source_relation
    and q.native_key = o.salesperson_id
where q.entity = 'employee'

union

select l.sales_order_key as key
from {{ ref('base_sales_order_line') }} as l
inner join requalified as q
    on q.source_relation = l.source_relation and q.native_key = l.product_id
where q.entity = 'product'

union

-- an assignment splits its employees' versions, and one that is gone no longer does
select o.sales_order_key as key
from {{ ref('base_sales_order') }} as o
inner join {{ ref('base_employee') }} as e
    on e.source_relation = o.source_relation and e.employee_id = o.salesperson_id
where e.employee_key in (select r.key from {{ ref('int_employee__reassigned') }} as r)
{%- endif %}
