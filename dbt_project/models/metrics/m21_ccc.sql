{{ config(materialized='table', tags=['daily']) }}

-- days money is tied up, as of the days all three are known
select
    {{ hashed("'M21|' || s.source_relation || '|' || s.company_id || '|' || cast(s.period_end as varchar)") }} as metric_key,
    s.source_relation,
    s.company_id,
    s.period_start,
    s.period_end,
    cast(null as varchar) as currency_code,
    cast(r.value + s.value - p.value as decimal(18, 4)) as numerator,
    cast(1 as decimal(18, 4)) as denominator,
    cast(r.value + s.value - p.value as decimal(18, 4)) as value
from {{ ref('m20_dio') }} as s
inner join {{ ref('m05_dso') }} as r
    on r.source_relation = s.source_relation and r.company_id = s.company_id and r.period_end = s.period_end
inner join {{ ref('m12_dpo') }} as p
    on p.source_relation = s.source_relation and p.company_id = s.company_id and p.period_end = s.period_end
where r.value is not null and s.value is not null and p.value is not null
