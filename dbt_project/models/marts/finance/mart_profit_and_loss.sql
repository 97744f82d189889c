{{ config(materialized='table', tags=['daily']) }}

-- grain: company, result account, department, month; income is positive, costs are negative: the lines add up to the result
select
    {{ hashed("t.source_relation || '|' || t.company_id || '|' || t.account_id || '|'
        || coalesce(t.department_id, '') || '|' || cast(t.month_start as varchar)") }} as profit_and_loss_key,
    t.source_relation,
    t.company_id,
    c.legal_name as company_name,
    t.month_start,
    t.month_end,
    t.fiscal_year,
    t.period_number,
    coalesce(s.section, 'other items') as section,
    coalesce(s.line_number, 99) as line_number,
    coalesce(s.line_name, t.account_type) as line_name,
    coalesce(s.line_name_da, t.account_type) as line_name_da,
    t.account_id,
    t.account_number,
    t.account_name,
    t.account_name_local,
    t.account_type,
    t.department_id,
    d.name as department_name,
    t.currency_code,
    cast(-t.net_base as decimal(18, 4)) as amount_base,
    cast(-sum(t.net_base) over (
        partition by t.source_relation, t.company_id, t.account_id, t.department_id, t.fiscal_year order by t.month_start
    ) as decimal(18, 4)) as year_to_date_base,
    cast(-y.net_base as decimal(18, 4)) as year_ago_base,
    t.group_currency,
    cast(-t.net_group as decimal(18, 4)) as amount_group
from {{ ref('int_finance__translated') }} as t
inner join {{ ref('dim_company') }} as c on c.source_relation = t.source_relation and c.company_id = t.company_id
left join {{ ref('statement_lines') }} as s
    on s.account_type = t.account_type and s.statement = 'profit_and_loss'
left join {{ ref('int_finance__translated') }} as y
    on y.source_relation = t.source_relation and y.company_id = t.company_id
    and y.account_id = t.account_id and y.department_id is not distinct from t.department_id
    and y.month_start = cast(t.month_start - interval 1 year as date)
left join {{ ref('base_department') }} as d on d.department_key = {{ key_of('t', 'department_id') }}
where t.is_result
