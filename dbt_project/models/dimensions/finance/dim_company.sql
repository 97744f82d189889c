{{ config(materialized='table') }}

select
    c.company_key,
    c.source_relation,
    c.company_id,
    c.legal_name,
    c.country_code,
    c.functional_currency,
    c.parent_company_id,
    c.ownership_pct,
    c.fiscal_year_start_month,
    c.timezone,
    coalesce(c.is_elimination, false) as is_elimination
from {{ ref('base_company') }} as c
where not c.is_deleted
