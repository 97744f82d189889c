{{ config(materialized='table') }}

-- one row per company and fiscal period; an adjustment period has the days of the period it adjusts
select
    p.accounting_period_key as fiscal_period_key,
    p.source_relation,
    p.period_id,
    p.company_id,
    p.fiscal_year,
    p.period_number,
    p.start_date,
    p.end_date,
    p.is_adjustment,
    p.status,
    p.closed_at
from {{ ref('base_accounting_period') }} as p
where not p.is_deleted
