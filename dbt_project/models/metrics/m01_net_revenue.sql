{{ config(materialized='table', tags=['daily']) }}

select
    {{ hashed("'M01|' || b.source_relation || '|' || b.company_id || '|' || cast(b.month_start as varchar)") }} as metric_key,
    b.source_relation,
    b.company_id,
    b.month_start as period_start,
    b.month_end as period_end,
    b.currency_code,
    cast(-sum(b.net_base) as decimal(18, 4)) as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    cast(-sum(b.net_base) as decimal(18, 4)) as value
from {{ ref('fct_gl_balances_monthly') }} as b
inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = b.gl_account_entity_key
where a.account_type in ('revenue', 'contra_revenue')
group by b.source_relation, b.company_id, b.month_start, b.month_end, b.currency_code
