{{ config(materialized='table', tags=['daily']) }}

-- grain: company, account, department, month from the account's first posting on; one row a month, never one a posting
with movements as (
    select
        e.source_relation,
        e.company_id,
        e.account_id,
        e.gl_account_entity_key,
        e.department_id,
        cast(date_trunc('month', e.posting_date) as date) as month_start,
        sum(e.debit_base) as debit_base,
        sum(e.credit_base) as credit_base,
        count(*) as entry_count
    from {{ ref('fct_gl_entries') }} as e
    where e.is_posted
    group by
        e.source_relation, e.company_id, e.account_id, e.gl_account_entity_key, e.department_id,
        cast(date_trunc('month', e.posting_date) as date)
),

accounts as (
    select
        m.source_relation,
        m.company_id,
        m.account_id,
        m.gl_account_entity_key,
        m.department_id,
        min(m.month_start) as first_month
    from movements as m
    group by m.source_relation, m.company_id, m.account_id, m.gl_account_entity_key, m.department_id
),

months as (
    select
        a.*,
        s.month_start,
        s.month_end,
        s.functional_currency,
        s.fiscal_year,
        s.period_number
    from accounts as a
    inner join {{ ref('int_finance__months') }} as s
        on s.source_relation = a.source_relation and s.company_id = a.company_id and s.month_start >= a.first_month
),

balances as (
    select
        s.*,
        coalesce(m.debit_base, 0) as debit_base,
        coalesce(m.credit_base, 0) as credit_base,
        coalesce(m.entry_count, 0) as entry_count,
        sum(coalesce(m.debit_base, 0) - coalesce(m.credit_base, 0)) over (
            partition by s.gl_account_entity_key, s.company_id, s.department_id order by s.month_start
        ) as closing_base
    from months as s
    left join movements as m
        on m.gl_account_entity_key = s.gl_account_entity_key
        and m.company_id = s.company_id
        and m.department_id is not distinct from s.department_id
        and m.month_start = s.month_start
)

select
    {{ hashed("b.source_relation || '|' || b.company_id || '|' || b.account_id || '|' || coalesce(b.department_id, '')
        || '|' || cast(b.month_start as varchar)") }} as gl_balance_key,
    b.source_relation,
    b.company_id,
    b.account_id,
    b.gl_account_entity_key,
    b.department_id,
    b.month_start,
    b.month_end,
    b.fiscal_year,
    b.period_number,
    b.functional_currency as currency_code,
    cast(b.closing_base - b.debit_base + b.credit_base as decimal(18, 4)) as opening_base,
    cast(b.debit_base as decimal(18, 4)) as debit_base,
    cast(b.credit_base as decimal(18, 4)) as credit_base,
    cast(b.debit_base - b.credit_base as decimal(18, 4)) as net_base,
    cast(b.closing_base as decimal(18, 4)) as closing_base,
    cast(b.entry_count as bigint) as entry_count
from balances as b
