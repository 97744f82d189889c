-- depends_on: {{ ref('fct_sales_order_lines') }}
-- depends_on: {{ ref('base_customer') }}
-- depends_on: {{ ref('base_employee') }}
-- depends_on: {{ source('meta', 'touched') }}
{{ config(materialized='table') }}

-- months of a customer and employee whose lines were written or removed, or whose customer or employee changed
select f.sales_month_key as key
from {{ ref('fct_sales_order_lines') }} as f
where {{ is_new('f._generation') }}
{%- if var('published_generation') %}

union

select t.key
from {{ source('meta', 'touched') }} as t
where t.model = 'mart_sales_by_month_customer_employee' and {{ is_new('t.generation') }}

union

select f.sales_month_key as key
from {{ ref('fct_sales_order_lines') }} as f
inner join {{ ref('base_customer') }} as c
    on c.source_relation = f.source_relation and c.customer_id = f.customer_id
where {{ is_new('c._generation') }}

union

select f.sales_month_key as key
from {{ ref('fct_sales_order_lines') }} as f
inner join {{ ref('base_employee') }} as e
    on e.source_relation = f.source_relation and e.employee_id = f.employee_id
where {{ is_new('e._generation') }}
{%- else %}
group by f.sales_month_key
{%- endif %}
