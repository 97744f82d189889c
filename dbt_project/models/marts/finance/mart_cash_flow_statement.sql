{{ config(materialized='table', tags=['daily']) }}

-- the indirect method. Grain: company, line, month: the result, then what each other account released or took. Lines other
-- than those of cash itself add up to the change in cash; positive is cash that came in.
with movements as (
    select
        t.source_relation,
        t.company_id,
        t.month_start,
        t.month_end,
        t.fiscal_year,
        t.period_number,
        t.currency_code,
        case
            when t.is_result then 'operating'
            when t.cash_flow_category = 'cash' or t.account_type = 'bank' then 'cash'
            else coalesce(t.cash_flow_category, 'operating')
        end as category,
        case when t.is_result then 'Result' else t.account_name end as line_name,
        case when t.is_result then '' else t.account_id end as account_id,
        t.net_base
    from {{ ref('int_finance__translated') }} as t
),

added as (
    select
        m.source_relation,
        m.company_id,
        m.month_start,
        m.month_end,
        m.fiscal_year,
        m.period_number,
        m.currency_code,
        m.category,
        m.line_name,
        m.account_id,
        sum(m.net_base) as net_base
    from movements as m
    group by
        m.source_relation, m.company_id, m.month_start, m.month_end, m.fiscal_year, m.period_number, m.currency_code,
        m.category, m.line_name, m.account_id
)

select
    {{ hashed("a.source_relation || '|' || a.company_id || '|' || a.account_id || '|' || a.category || '|'
        || cast(a.month_start as varchar)") }} as cash_flow_line_key,
    a.source_relation,
    a.company_id,
    c.legal_name as company_name,
    a.month_start,
    a.month_end,
    a.fiscal_year,
    a.period_number,
    a.category,
    case a.category when 'operating' then 1 when 'investing' then 2 when 'financing' then 3 else 4 end as category_number,
    a.line_name,
    nullif(a.account_id, '') as account_id,
    a.currency_code,
    -- a debit of any account but cash is cash spent; a debit of cash is cash received
    cast(case when a.category = 'cash' then a.net_base else -a.net_base end as decimal(18, 4)) as amount_base
from added as a
inner join {{ ref('dim_company') }} as c on c.source_relation = a.source_relation and c.company_id = a.company_id
where a.net_base <> 0
