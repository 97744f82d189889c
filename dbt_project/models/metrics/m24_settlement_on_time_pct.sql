{{ config(materialized='table', tags=['daily']) }}

-- of the items that were due in the month, and due by today
select
    {{ hashed(
        "'M24|' || s.source_relation || '|' || s.company_id || '|' || "
        ~ "cast(date_trunc('month', s.expected_settlement_date) as varchar)"
    ) }} as metric_key,
    s.source_relation,
    s.company_id,
    cast(date_trunc('month', s.expected_settlement_date) as date) as period_start,
    max(s.expected_settlement_date) as period_end,
    cast(null as varchar) as currency_code,
    cast(sum(case when s.settled_date <= s.expected_settlement_date then 1 else 0 end) as decimal(18, 4)) as numerator,
    cast(count(*) as decimal(18, 4)) as denominator,
    cast(
        sum(case when s.settled_date <= s.expected_settlement_date then 1 else 0 end) * 100.0 / count(*)
        as decimal(18, 4)
    ) as value
from {{ ref('fct_settlements') }} as s
where s.expected_settlement_date <= {{ as_of_date() }}
group by s.source_relation, s.company_id, date_trunc('month', s.expected_settlement_date)
