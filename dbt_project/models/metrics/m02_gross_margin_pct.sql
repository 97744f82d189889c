{{ config(materialized='table', tags=['daily']) }}

with costs as (
    select
        b.source_relation,
        b.company_id,
        b.month_start,
        sum(b.net_base) as cogs
    from {{ ref('fct_gl_balances_monthly') }} as b
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = b.gl_account_entity_key
    where a.account_type = 'cogs'
    group by b.source_relation, b.company_id, b.month_start
)

select
    {{ hashed("'M02|' || r.source_relation || '|' || r.company_id || '|' || cast(r.period_start as varchar)") }} as metric_key,
    r.source_relation,
    r.company_id,
    r.period_start,
    r.period_end,
    cast(null as varchar) as currency_code,
    cast(r.value - coalesce(c.cogs, 0) as decimal(18, 4)) as numerator,
    r.value as denominator,
    cast((r.value - coalesce(c.cogs, 0)) * 100 / nullif(r.value, 0) as decimal(18, 4)) as value
from {{ ref('m01_net_revenue') }} as r
left join costs as c
    on c.source_relation = r.source_relation and c.company_id = r.company_id and c.month_start = r.period_start
