-- depends_on: {{ ref('int_employee__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append', tags=['daily'],
    pre_hook="{{ clear_touched('employee_entity_key', 'int_employee__touched', 'headcount_key', 'work_date > ' ~ published_as_of_date()) }}"
) }}

-- grain: an employee on a day of employment, from the first of January two years before the build to its day
with bounds as (
    select
        cast(date_trunc('year', {{ as_of_date() }}) as date) - interval 2 year as first_day,
        {{ as_of_date() }} as last_day
),

people as (
    select
        b.employee_key as employee_entity_key,
        b.source_relation,
        b.employee_id,
        b.worker_type,
        coalesce(b.last_hire_date, b.original_hire_date) as employed_from,
        b.termination_date as employed_to
    from {{ ref('base_employee') }} as b
    -- terminated on a day nobody wrote down: no day can be claimed
    where not b.is_deleted and not (b.status = 'terminated' and b.termination_date is null)
),

employed_days as (
    select
        p.*,
        d.date_day as work_date
    from people as p
    cross join bounds as w
    inner join {{ ref('dim_date') }} as d
        on {{ in_force('d.date_day', 'p.employed_from', 'p.employed_to') }}
        and d.date_day >= cast(w.first_day as date)
        and d.date_day <= w.last_day
    {%- if is_incremental() %}
    where
        p.employee_entity_key in (select t.key from {{ ref('int_employee__touched') }} as t)
        or d.date_day > {{ published_as_of_date() }}
    {%- endif %}
),

assigned as (
    select
        e.*,
        a.employment_key,
        a.company_id,
        a.department_id,
        a.department_name,
        a.department_function,
        a.job_title,
        a.work_arrangement,
        a.fte_pct,
        row_number() over (
            partition by e.employee_entity_key, e.work_date order by a.precedence asc nulls last
        ) as choice
    from employed_days as e
    left join {{ ref('int_hr__assignments') }} as a
        on a.employee_key = e.employee_entity_key
        and {{ in_force('e.work_date', 'a.effective_from', 'a.effective_to') }}
)

select
    {{ hashed("a.employee_entity_key || '|' || cast(a.work_date as varchar)") }} as headcount_key,
    a.employee_entity_key,
    a.source_relation,
    a.employee_id,
    a.work_date,
    a.worker_type,
    a.company_id,
    a.department_id,
    a.department_name,
    a.department_function,
    a.job_title,
    a.work_arrangement,
    1 as headcount,
    -- a source without assignments says nothing of hours: counted as full time
    cast(coalesce(a.fte_pct, 100) * 0.01 as decimal(9, 4)) as fte,
    {{ generation() }} as _generation
from assigned as a
where a.choice = 1
