{{ config(materialized='table', tags=['daily']) }}

-- month balances in the functional currency and in the group's. Movements of result accounts are translated at the average
-- rate of their month, balances of other accounts at the closing rate, those kept at historical rates at the rate of the
-- day of each posting. Grain: company, account, department, month.
with months as (
    select
        b.source_relation,
        b.company_id,
        b.account_id,
        b.gl_account_entity_key,
        b.department_id,
        b.month_start,
        b.month_end,
        b.fiscal_year,
        b.period_number,
        b.currency_code,
        b.net_base,
        b.closing_base
    from {{ ref('fct_gl_balances_monthly') }} as b
),

historical_days as (
    select
        e.source_relation,
        e.company_id,
        e.gl_account_entity_key,
        e.department_id,
        e.posting_date,
        sum(e.amount_base) as net_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and a.translation_rate_type = 'historical' and not a.is_result
    group by e.source_relation, e.company_id, e.gl_account_entity_key, e.department_id, e.posting_date
),

group_currencies as (
    select distinct r.source_relation, r.company_id, r.functional_currency, r.group_currency
    from {{ ref('int_finance__group_rates') }} as r
),

historical as (
    select
        h.source_relation,
        h.company_id,
        h.gl_account_entity_key,
        h.department_id,
        cast(date_trunc('month', h.posting_date) as date) as month_start,
        sum(round(h.net_base * case when g.functional_currency = g.group_currency then 1 else (
            select max_by(r.rate, r.rate_date)
            from {{ ref('base_fx_rate') }} as r
            where r.source_relation = h.source_relation and r.from_currency = g.functional_currency
                and r.to_currency = g.group_currency and r.rate_type = 'spot' and not r.is_deleted
                and r.rate_date <= h.posting_date
        ) end, 2)) as net_group
    from historical_days as h
    inner join group_currencies as g on g.source_relation = h.source_relation and g.company_id = h.company_id
    group by
        h.source_relation, h.company_id, h.gl_account_entity_key, h.department_id,
        cast(date_trunc('month', h.posting_date) as date)
),

rated as (
    select
        m.*,
        a.account_number,
        a.account_name,
        a.account_name_local,
        a.account_class,
        a.account_type,
        a.cash_flow_category,
        a.is_result,
        r.group_currency,
        r.closing_rate,
        case
            when a.is_result then {{ at_rate('m.net_base', 'r.average_rate') }}
            when a.translation_rate_type = 'historical' then coalesce(h.net_group, 0)
        end as moved_group
    from months as m
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = m.gl_account_entity_key
    inner join {{ ref('int_finance__group_rates') }} as r
        on r.source_relation = m.source_relation and r.company_id = m.company_id and r.month_start = m.month_start
    left join historical as h
        on h.source_relation = m.source_relation and h.company_id = m.company_id
        and h.gl_account_entity_key = m.gl_account_entity_key
        and h.department_id is not distinct from m.department_id and h.month_start = m.month_start
)

select
    r.source_relation,
    r.company_id,
    r.account_id,
    r.gl_account_entity_key,
    r.department_id,
    r.account_number,
    r.account_name,
    r.account_name_local,
    r.account_class,
    r.account_type,
    r.cash_flow_category,
    r.is_result,
    r.month_start,
    r.month_end,
    r.fiscal_year,
    r.period_number,
    r.currency_code,
    r.group_currency,
    cast(r.net_base as decimal(18, 4)) as net_base,
    cast(r.closing_base as decimal(18, 4)) as closing_base,
    cast(r.moved_group as decimal(18, 4)) as net_group,
    cast(
        case
            when r.moved_group is null then {{ at_rate('r.closing_base', 'r.closing_rate') }}
            else sum(r.moved_group) over (
                partition by r.source_relation, r.company_id, r.gl_account_entity_key, r.department_id order by r.month_start
            )
        end as decimal(18, 4)
    ) as closing_group
from rated as r
