-- employees an assignment that changed or left belongs to, or belonged to before
select {{ key_of('j', 'employee_id') }} as key
from {{ ref('base_employment') }} as j
where j._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select t.key
from {{ source('meta', 'touched') }} as t
where
    t.model = 'employment.employee_id'
    and t.generation > (select b.published_generation from {{ ref('int_build') }} as b)
