-- employees an assignment that changed belongs to, or belonged to in any of its versions
select md5(v.source_relation || '|' || v.employee_id) as key
from {{ ref('base_employment__versions') }} as v
where
    v.employee_id is not null
    and v.employment_key in (
        select j.employment_key
        from {{ ref('base_employment') }} as j
        where j._generation > (select b.published_generation from {{ ref('int_build') }} as b)
    )
