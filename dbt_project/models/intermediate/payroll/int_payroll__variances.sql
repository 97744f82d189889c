{{ config(materialized='table') }}

-- Why a person costs more or less than in the regular run before: the earnings by what moved them, and what the employer
-- pays on top in the same shares. Cents that rounding leaves go to the largest of them; what else is left is unexplained.
with pairs as (
    select distinct
        s.source_relation, s.company_id, s.payroll_run_key, s.payroll_run_id, s.previous_run_key, s.period_end,
        s.pay_date, s.currency_code
    from {{ ref('int_payroll__run_slips') }} as s
    where s.previous_run_key is not null
),

sides as (
    select p.payroll_run_key, s.employee_entity_key, s.payslip_key, 1 as side, s.gross_pay, s.employer_cost,
        s.period_start, s.period_end
    from pairs as p
    inner join {{ ref('int_payroll__run_slips') }} as s on s.payroll_run_key = p.payroll_run_key
    union all
    select p.payroll_run_key, s.employee_entity_key, s.payslip_key, 0, s.gross_pay, s.employer_cost,
        s.period_start, s.period_end
    from pairs as p
    inner join {{ ref('int_payroll__run_slips') }} as s on s.payroll_run_key = p.previous_run_key
),

people as (
    select
        s.payroll_run_key,
        s.employee_entity_key,
        max(s.side) as is_in_this,
        min(s.side) as is_only_in_this,
        sum(case when s.side = 1 then s.gross_pay else 0 end) as gross_now,
        sum(case when s.side = 0 then s.gross_pay else 0 end) as gross_before,
        sum(case when s.side = 1 then s.employer_cost else 0 end) as employer_now,
        sum(case when s.side = 0 then s.employer_cost else 0 end) as employer_before,
        max(case when s.side = 1 then s.period_end end) as end_now,
        max(case when s.side = 0 then s.period_end end) as end_before
    from sides as s
    group by s.payroll_run_key, s.employee_entity_key
),

stayed as (
    select p.* from people as p where p.is_in_this = 1 and p.is_only_in_this = 0
),

earned as (
    select
        s.payroll_run_key,
        s.employee_entity_key,
        l.component,
        sum(case when s.side = 1 then l.amount else -l.amount end) as moved,
        sum(case when s.side = 1 then coalesce(l.quantity, 0) else -coalesce(l.quantity, 0) end) as hours_moved
    from sides as s
    inner join {{ ref('fct_payslip_lines') }} as l on l.payslip_key = s.payslip_key and l.line_type = 'earning'
    group by s.payroll_run_key, s.employee_entity_key, l.component
),

entitled as (
    select
        p.payroll_run_key,
        p.employee_entity_key,
        c.component,
        sum(case when {{ in_force('p.end_now', 'c.effective_from', 'c.effective_to') }} then c.amount else 0 end)
            as amount_now,
        sum(case when {{ in_force('p.end_before', 'c.effective_from', 'c.effective_to') }} then c.amount else 0 end)
            as amount_before,
        max(case when {{ in_force('p.end_now', 'c.effective_from', 'c.effective_to') }} then 1 else 0 end) as has_now,
        max(case when {{ in_force('p.end_before', 'c.effective_from', 'c.effective_to') }} then 1 else 0 end)
            as has_before
    from stayed as p
    inner join {{ ref('base_compensation') }} as c
        on {{ key_of('c', 'employee_id') }} = p.employee_entity_key
        and not c.is_deleted
        and c.frequency = 'monthly'
    group by p.payroll_run_key, p.employee_entity_key, c.component
),

-- what is paid by a monthly rate moved by as much as the rate did, the rest of it by days and hours
split as (
    select
        e.payroll_run_key,
        e.employee_entity_key,
        e.component,
        e.moved,
        case
            when e.component = 'overtime' then 0
            when e.moved = 0 then 0
            when t.has_now = 1 and t.has_before = 1 then t.amount_now - t.amount_before
            else 0
        end as rate_moved,
        case
            when e.component = 'overtime' then 'hours'
            when e.component in ('base_salary', 'hourly_rate') and e.hours_moved <> 0 then 'hours'
            when e.component in ('base_salary', 'hourly_rate') then 'unexplained'
            when t.has_now = 1 and t.has_before = 1 then 'unexplained'
            else 'one_off'
        end as rest_is
    from earned as e
    left join entitled as t
        on t.payroll_run_key = e.payroll_run_key
        and t.employee_entity_key = e.employee_entity_key
        and t.component = e.component
),

drivers as (
    select
        p.payroll_run_key,
        p.employee_entity_key,
        p.gross_now - p.gross_before as gross_moved,
        p.employer_now - p.employer_before as employer_moved,
        p.gross_before,
        p.employer_before,
        coalesce(sum(s.rate_moved), 0) as rate_gross,
        coalesce(sum(case when s.rest_is = 'hours' then s.moved - s.rate_moved else 0 end), 0) as hours_gross,
        coalesce(sum(case when s.rest_is = 'one_off' then s.moved - s.rate_moved else 0 end), 0) as one_off_gross
    from stayed as p
    left join split as s
        on s.payroll_run_key = p.payroll_run_key and s.employee_entity_key = p.employee_entity_key
    group by
        p.payroll_run_key, p.employee_entity_key, p.gross_now, p.gross_before, p.employer_now, p.employer_before
),

shared as (
    select
        d.*,
        {%- for driver in ['rate', 'hours', 'one_off'] %}
        -- a share is rounded to the cent here, so that dividing decimals does not matter: what is left is put right below
        cast(case when d.gross_before = 0 then 0
            else round(d.{{ driver }}_gross * d.employer_before / d.gross_before, 2) end as decimal(18, 4))
            as {{ driver }}_employer{{ ',' if not loop.last }}
        {%- endfor %}
    from drivers as d
),

rested as (
    select
        s.*,
        s.employer_moved - s.rate_employer - s.hours_employer - s.one_off_employer as employer_rest,
        case
            when s.rate_gross = 0 and s.hours_gross = 0 and s.one_off_gross = 0 then 'none'
            when abs(s.rate_gross) >= abs(s.hours_gross) and abs(s.rate_gross) >= abs(s.one_off_gross) then 'rate'
            when abs(s.hours_gross) >= abs(s.one_off_gross) then 'hours'
            else 'one_off'
        end as largest
    from shared as s
),

explained as (
    select
        r.payroll_run_key,
        r.employee_entity_key,
        {%- for driver in ['rate', 'hours', 'one_off'] %}
        r.{{ driver }}_gross + r.{{ driver }}_employer
            + case when r.largest = '{{ driver }}' and abs(r.employer_rest) <= 0.05 then r.employer_rest else 0 end
            as {{ driver }}_moved,
        {%- endfor %}
        r.gross_moved + r.employer_moved as cost_moved
    from rested as r
)

select
    p.payroll_run_key,
    p.employee_entity_key,
    cast(p.gross_before + p.employer_before as decimal(18, 4)) as previous_cost,
    cast(p.gross_now + p.employer_now as decimal(18, 4)) as current_cost,
    cast(case when p.is_only_in_this = 1 then p.gross_now + p.employer_now else 0 end as decimal(18, 4)) as joiners,
    cast(case when p.is_in_this = 0 then -p.gross_before - p.employer_before else 0 end as decimal(18, 4)) as leavers,
    cast(coalesce(e.rate_moved, 0) as decimal(18, 4)) as rate_changes,
    cast(coalesce(e.hours_moved, 0) as decimal(18, 4)) as hours_overtime,
    cast(coalesce(e.one_off_moved, 0) as decimal(18, 4)) as one_off,
    cast(coalesce(e.cost_moved - e.rate_moved - e.hours_moved - e.one_off_moved, 0) as decimal(18, 4)) as unexplained
from people as p
left join explained as e
    on e.payroll_run_key = p.payroll_run_key and e.employee_entity_key = p.employee_entity_key
