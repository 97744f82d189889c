-- depends_on: {{ ref('int_employee__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('employee_entity_key', 'int_employee__touched', 'employee_key') }}"
) }}

-- two histories meet: what the record said (versions) and the assignment in force (effective dates, future ones too)
with {{ history(
    'employee', ['worker_type', 'status', 'country_code', 'termination_date'],
    ref('int_employee__touched') if is_incremental() else none
) }},

assignments as (
    select a.*
    from {{ ref('int_hr__assignments') }} as a
    where a.employee_key in (select employee_key from history)
),

boundaries as (
    select employee_key, valid_from as starts_at from history
    union
    select employee_key, timezone('UTC', cast(effective_from as timestamp)) as starts_at from assignments
    union
    select employee_key, timezone('UTC', cast(effective_to as timestamp)) as starts_at
    from assignments
    where effective_to is not null
),

stretches as (
    select
        employee_key,
        starts_at,
        lead(starts_at) over (partition by employee_key order by starts_at) as ends_at
    from boundaries
),

assigned as (
    select
        s.employee_key as employee_entity_key,
        s.starts_at as valid_from,
        s.ends_at as valid_to,
        h.worker_type,
        h.status,
        h.country_code,
        h.termination_date,
        h.is_deleted,
        h._known_generation,
        a.employment_key,
        a.company_id,
        a.department_id,
        a.department_name,
        a.department_function,
        a.manager_id,
        a.job_title,
        a.work_arrangement,
        a.fte_pct,
        row_number() over (
            partition by s.employee_key, s.starts_at order by a.precedence asc nulls last
        ) as choice
    from stretches as s
    inner join history as h
        on h.employee_key = s.employee_key
        and {{ in_force('s.starts_at', 'h.valid_from', 'h.valid_to') }}
    left join assignments as a
        on a.employee_key = s.employee_key
        and {{ in_force("cast(timezone('UTC', s.starts_at) as date)", 'a.effective_from', 'a.effective_to') }}
)

select
    {{ hashed("d.employee_entity_key || '|' || cast(epoch_us(d.valid_from) as varchar)") }} as employee_key,
    d.employee_entity_key,
    b.source_relation,
    b.employee_id,
    b.employee_number,
    b.full_name as employee_name,
    b.work_email,
    b.original_hire_date,
    b.last_hire_date,
    d.worker_type,
    d.status,
    d.country_code,
    d.termination_date,
    d.company_id,
    d.department_id,
    d.department_name,
    d.department_function,
    d.manager_id,
    d.job_title,
    d.work_arrangement,
    d.fte_pct,
    d.valid_from,
    d.valid_to,
    d.valid_from <= {{ as_of() }} and (d.valid_to is null or d.valid_to > {{ as_of() }}) as is_current,
    d.is_deleted,
    b._batch_id,
    d._known_generation,
    {{ generation() }} as _generation
from assigned as d
inner join {{ ref('base_employee') }} as b on b.employee_key = d.employee_entity_key
where d.choice = 1
