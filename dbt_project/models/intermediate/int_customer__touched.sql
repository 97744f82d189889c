select distinct customer_key as key
from {{ ref('base_customer') }}
where _generation > (select published_generation from {{ ref('int_build') }})
