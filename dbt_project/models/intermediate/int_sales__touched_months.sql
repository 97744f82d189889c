-- months of a customer and employee whose lines were written or removed, or whose customer or employee changed
select t.key
from {{ source('meta', 'touched') }} as t
where
    t.model = 'mart_sales_by_month_customer_employee'
    and t.generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select f.sales_month_key as key
from {{ ref('fct_sales_order_lines') }} as f
where f._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select f.sales_month_key as key
from {{ ref('fct_sales_order_lines') }} as f
inner join {{ ref('base_customer') }} as c on c.customer_key = md5(f.source_relation || '|' || f.customer_id)
where c._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select f.sales_month_key as key
from {{ ref('fct_sales_order_lines') }} as f
inner join {{ ref('base_employee') }} as e on e.employee_key = md5(f.source_relation || '|' || f.employee_id)
where e._generation > (select b.published_generation from {{ ref('int_build') }} as b)
