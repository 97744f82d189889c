{{ config(materialized='table', tags=['daily']) }}

-- grain: company, account, month; the departments of an account added up
select
    {{ hashed("b.source_relation || '|' || b.company_id || '|' || b.account_id || '|' || cast(b.month_start as varchar)") }}
        as trial_balance_key,
    b.source_relation,
    b.company_id,
    c.legal_name as company_name,
    b.month_start,
    b.month_end,
    b.fiscal_year,
    b.period_number,
    b.account_id,
    a.account_number,
    a.account_name,
    a.account_name_local,
    a.account_class,
    a.account_type,
    a.control_for,
    b.currency_code,
    cast(sum(b.opening_base) as decimal(18, 4)) as opening_base,
    cast(sum(b.debit_base) as decimal(18, 4)) as debit_base,
    cast(sum(b.credit_base) as decimal(18, 4)) as credit_base,
    cast(sum(b.net_base) as decimal(18, 4)) as net_base,
    cast(sum(b.closing_base) as decimal(18, 4)) as closing_base,
    cast(sum(b.entry_count) as bigint) as entry_count
from {{ ref('fct_gl_balances_monthly') }} as b
inner join {{ ref('dim_company') }} as c on c.source_relation = b.source_relation and c.company_id = b.company_id
left join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = b.gl_account_entity_key
group by
    b.source_relation, b.company_id, c.legal_name, b.month_start, b.month_end, b.fiscal_year, b.period_number,
    b.account_id, a.account_number, a.account_name, a.account_name_local, a.account_class, a.account_type,
    a.control_for, b.currency_code
