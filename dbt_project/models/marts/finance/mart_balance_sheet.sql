{{ config(materialized='table', tags=['daily']) }}

-- grain: company, line, month end. Assets are positive as debits, liabilities and equity as credits, so that assets equal
-- liabilities and equity. What result accounts hold stands in equity: the year's, and what earlier years left unclosed.
-- In the group's currency the rates of the lines differ; what that leaves is the translation difference, a line of equity.
with accounts as (
    select
        t.source_relation,
        t.company_id,
        t.month_start,
        t.month_end,
        t.fiscal_year,
        t.period_number,
        coalesce(s.section, case t.account_class when 'asset' then 'assets' when 'equity' then 'equity' else 'liabilities' end)
            as section,
        coalesce(s.line_number, 299) as line_number,
        coalesce(s.line_name, t.account_type) as line_name,
        coalesce(s.line_name_da, t.account_type) as line_name_da,
        t.account_id,
        t.account_number,
        t.account_name,
        t.account_name_local,
        t.currency_code,
        t.group_currency,
        sum(t.closing_base) as debit_base,
        sum(t.closing_group) as debit_group
    from {{ ref('int_finance__translated') }} as t
    left join {{ ref('statement_lines') }} as s on s.account_type = t.account_type and s.statement = 'balance_sheet'
    where not t.is_result
    group by
        t.source_relation, t.company_id, t.month_start, t.month_end, t.fiscal_year, t.period_number, t.account_class,
        t.account_type, t.account_id, t.account_number, t.account_name, t.account_name_local, t.currency_code,
        t.group_currency, s.section, s.line_number, s.line_name, s.line_name_da
),

results as (
    select
        m.source_relation,
        m.company_id,
        m.month_start,
        m.month_end,
        m.fiscal_year,
        m.period_number,
        t.fiscal_year = m.fiscal_year as is_this_year,
        max(t.currency_code) as currency_code,
        max(t.group_currency) as group_currency,
        sum(t.net_base) as debit_base,
        sum(t.net_group) as debit_group
    from {{ ref('int_finance__months') }} as m
    inner join {{ ref('int_finance__translated') }} as t
        on t.source_relation = m.source_relation and t.company_id = m.company_id and t.month_start <= m.month_start
    where t.is_result
    group by
        m.source_relation, m.company_id, m.month_start, m.month_end, m.fiscal_year, m.period_number,
        t.fiscal_year = m.fiscal_year
),

lines as (
    select * from accounts
    union all by name
    select
        r.source_relation,
        r.company_id,
        r.month_start,
        r.month_end,
        r.fiscal_year,
        r.period_number,
        'equity' as section,
        case when r.is_this_year then 340 else 330 end as line_number,
        case when r.is_this_year then 'Result of the year' else 'Results of earlier years' end as line_name,
        case when r.is_this_year then 'Årets resultat' else 'Tidligere års resultat' end as line_name_da,
        cast(null as varchar) as account_id,
        cast(null as varchar) as account_number,
        cast(null as varchar) as account_name,
        cast(null as varchar) as account_name_local,
        r.currency_code,
        r.group_currency,
        r.debit_base,
        r.debit_group
    from results as r
),

differences as (
    select
        l.source_relation,
        l.company_id,
        l.month_start,
        l.month_end,
        l.fiscal_year,
        l.period_number,
        'equity' as section,
        350 as line_number,
        'Translation difference' as line_name,
        'Omregningsdifference' as line_name_da,
        cast(null as varchar) as account_id,
        cast(null as varchar) as account_number,
        cast(null as varchar) as account_name,
        cast(null as varchar) as account_name_local,
        max(l.currency_code) as currency_code,
        max(l.group_currency) as group_currency,
        cast(0 as decimal(18, 4)) as debit_base,
        -sum(l.debit_group) as debit_group
    from lines as l
    group by l.source_relation, l.company_id, l.month_start, l.month_end, l.fiscal_year, l.period_number
    having sum(l.debit_group) <> 0
),

everything as (
    select * from lines
    union all by name
    select * from differences
)

select
    {{ hashed("e.source_relation || '|' || e.company_id || '|' || cast(e.line_number as varchar) || '|'
        || coalesce(e.account_id, '') || '|' || cast(e.month_start as varchar)") }} as balance_sheet_key,
    e.source_relation,
    e.company_id,
    c.legal_name as company_name,
    e.month_start,
    e.month_end,
    e.fiscal_year,
    e.period_number,
    e.section,
    e.line_number,
    e.line_name,
    e.line_name_da,
    e.account_id,
    e.account_number,
    e.account_name,
    e.account_name_local,
    e.currency_code,
    cast(case when e.section = 'assets' then e.debit_base else -e.debit_base end as decimal(18, 4)) as amount_base,
    e.group_currency,
    cast(case when e.section = 'assets' then e.debit_group else -e.debit_group end as decimal(18, 4)) as amount_group
from everything as e
inner join {{ ref('dim_company') }} as c on c.source_relation = e.source_relation and c.company_id = e.company_id
