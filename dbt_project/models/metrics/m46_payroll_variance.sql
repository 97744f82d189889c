{{ config(materialized='table') }}

with terms as (
    {%- for term in ['joiners', 'leavers', 'rate_changes', 'hours_overtime', 'one_off', 'unexplained'] %}
    {{ 'union all' if not loop.first }}
    select v.source_relation, v.company_id, v.payroll_run_id, v.period_start, v.period_end, v.currency_code,
        '{{ term }}' as term, v.{{ term }} as amount
    from {{ ref('mart_payroll_variance') }} as v
    {%- endfor %}
    union all
    select v.source_relation, v.company_id, v.payroll_run_id, v.period_start, v.period_end, v.currency_code,
        'total', cast(v.current_cost - v.previous_cost as decimal(18, 4))
    from {{ ref('mart_payroll_variance') }} as v
)

select
    {{ hashed("'M46|' || t.source_relation || '|' || t.payroll_run_id || '|' || t.term") }} as metric_key,
    t.source_relation,
    t.company_id,
    t.period_start,
    t.period_end,
    t.payroll_run_id,
    t.term,
    t.currency_code,
    t.amount as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    t.amount as value
from terms as t
