{{ config(materialized='table') }}

-- the chart of accounts as it stands: statements of all years are read by one classification
select
    a.gl_account_key as gl_account_entity_key,
    a.source_relation,
    a.account_id,
    a.company_id,
    a.account_number,
    a.account_name,
    a.account_name_local,
    a.account_class,
    a.account_type,
    a.normal_balance,
    a.control_for,
    a.cash_flow_category,
    a.translation_rate_type,
    a.standard_account_code,
    a.parent_account_id,
    a.is_active,
    a.account_class in ('revenue', 'expense') as is_result
from {{ ref('base_gl_account') }} as a
where not a.is_deleted
