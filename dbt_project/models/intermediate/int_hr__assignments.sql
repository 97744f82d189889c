-- the assignment that counts when a person has several: the largest, then the oldest, then the id
select
    j.employment_key,
    j.source_relation,
    {{ key_of('j', 'employee_id') }} as employee_key,
    j.employee_id,
    j.company_id,
    j.department_id,
    d.name as department_name,
    d.function as department_function,
    d.is_back_office,
    j.manager_id,
    j.job_title,
    j.work_arrangement,
    j.fte_pct,
    j.effective_from,
    j.effective_to,
    row_number() over (
        partition by j.source_relation, j.employee_id
        order by j.fte_pct desc, j.effective_from asc, j.employment_id asc
    ) as precedence
from {{ ref('base_employment') }} as j
left join {{ ref('base_department') }} as d on d.department_key = {{ key_of('j', 'department_id') }}
where not j.is_deleted
