{{ config(materialized='table', tags=['daily']) }}

-- today: what has not settled, has a wrong fee or was paid out with another amount; by count and by amount
with companies as (
    select s.source_relation, s.company_id, s.currency_code, min(s.trade_date) as first_day
    from {{ ref('fct_settlements') }} as s
    group by s.source_relation, s.company_id, s.currency_code
),

measured as (
    select
        c.source_relation,
        c.company_id,
        c.currency_code,
        c.first_day,
        count(b.settlement_break_key) as breaks,
        coalesce(sum(abs(b.break_amount)), 0) as amount
    from companies as c
    left join {{ ref('mart_settlement_breaks') }} as b
        on b.source_relation = c.source_relation
        and b.company_id = c.company_id
        and b.currency_code = c.currency_code
        and b.break_type in ('missing', 'fee', 'amount')
    group by c.source_relation, c.company_id, c.currency_code, c.first_day
),

listed as (
    select m.*, 'count' as measure, cast(m.breaks as decimal(18, 4)) as numerator from measured as m
    union all
    select m.*, 'amount', cast(m.amount as decimal(18, 4)) from measured as m
)

select
    {{ hashed(
        "'M23|' || l.source_relation || '|' || l.company_id || '|' || l.currency_code || '|' || l.measure"
    ) }} as metric_key,
    l.source_relation,
    l.company_id,
    l.first_day as period_start,
    {{ as_of_date() }} as period_end,
    l.measure,
    l.currency_code,
    l.numerator,
    cast(1 as decimal(18, 4)) as denominator,
    l.numerator as value
from listed as l
