{{ config(materialized='table') }}

select
    {{ hashed("'M27|' || e.source_relation || '|' || e.company_id || '|' || cast(date_trunc('month', e.posting_date) as varchar)") }}
        as metric_key,
    e.source_relation,
    e.company_id,
    cast(date_trunc('month', e.posting_date) as date) as period_start,
    cast(date_trunc('month', e.posting_date) + interval 1 month - interval 1 day as date) as period_end,
    cast(null as varchar) as currency_code,
    cast(sum(case when e.source_document_type = 'manual' then 1 else 0 end) as decimal(18, 4)) as numerator,
    cast(count(*) as decimal(18, 4)) as denominator,
    cast(sum(case when e.source_document_type = 'manual' then 1 else 0 end) * 100.0 / count(*) as decimal(18, 4)) as value
from {{ ref('fct_gl_entries') }} as e
where e.is_posted
group by e.source_relation, e.company_id, date_trunc('month', e.posting_date)
