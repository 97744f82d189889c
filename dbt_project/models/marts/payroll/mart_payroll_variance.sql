{{ config(materialized='table') }}

with runs as (
    select distinct
        s.source_relation, s.company_id, s.payroll_run_key, s.payroll_run_id, s.previous_run_key, s.period_start,
        s.period_end, s.pay_date, s.currency_code
    from {{ ref('int_payroll__run_slips') }} as s
    where s.previous_run_key is not null
)

select
    r.payroll_run_key,
    r.source_relation,
    r.company_id,
    r.payroll_run_id,
    b.payroll_run_id as previous_payroll_run_id,
    r.period_start,
    r.period_end,
    r.pay_date,
    r.currency_code,
    cast(sum(v.previous_cost) as decimal(18, 4)) as previous_cost,
    {%- for term in ['joiners', 'leavers', 'rate_changes', 'hours_overtime', 'one_off', 'unexplained'] %}
    cast(sum(v.{{ term }}) as decimal(18, 4)) as {{ term }},
    {%- endfor %}
    cast(sum(v.current_cost) as decimal(18, 4)) as current_cost,
    cast(sum(case when v.current_cost <> 0 then 1 else 0 end) as integer) as heads,
    {%- for term in ['joiners', 'leavers', 'rate_changes', 'hours_overtime', 'one_off', 'unexplained'] %}
    cast(sum(case when v.{{ term }} <> 0 then 1 else 0 end) as integer) as {{ term }}_heads{{ ',' if not loop.last }}
    {%- endfor %}
from runs as r
inner join {{ ref('int_payroll__variances') }} as v on v.payroll_run_key = r.payroll_run_key
left join {{ ref('base_payroll_run') }} as b on b.payroll_run_key = r.previous_run_key
group by
    r.payroll_run_key, r.source_relation, r.company_id, r.payroll_run_id, b.payroll_run_id, r.period_start,
    r.period_end, r.pay_date, r.currency_code
