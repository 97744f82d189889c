select product_key as key
from {{ ref('base_product') }}
where _generation > (select published_generation from {{ ref('int_build') }})

union

select q.key
from {{ source('meta', 'requalified') }} as q
where q.entity = 'product' and q.generation > (select b.published_generation from {{ ref('int_build') }} as b)
