select distinct product_key as key
from {{ ref('base_product') }}
where _generation > (select published_generation from {{ ref('int_build') }})
