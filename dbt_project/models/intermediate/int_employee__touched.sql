-- an employee changed, an assignment or its department changed or left, or an assignment's boundary was passed
select e.employee_key as key
from {{ ref('base_employee') }} as e
where e._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

select {{ key_of('j', 'employee_id') }} as key
from {{ ref('base_employment') }} as j
cross join {{ ref('int_build') }} as b
where
    (j.effective_from > cast(timezone('UTC', b.published_as_of) as date)
        and j.effective_from <= cast(timezone('UTC', b.as_of) as date))
    or (j.effective_to > cast(timezone('UTC', b.published_as_of) as date)
        and j.effective_to <= cast(timezone('UTC', b.as_of) as date))

union

select {{ key_of('j', 'employee_id') }} as key
from {{ ref('base_employment') }} as j
inner join {{ ref('base_department') }} as d
    on d.department_key = {{ key_of('j', 'department_id') }}
where d._generation > (select b.published_generation from {{ ref('int_build') }} as b)

union

-- a moved or deleted assignment leaves its employee before without it
select r.key
from {{ ref('int_employee__reassigned') }} as r

union

select q.key
from {{ source('meta', 'requalified') }} as q
where q.entity = 'employee' and q.generation > (select b.published_generation from {{ ref('int_build') }} as b)
