{{ config(materialized='table') }}

-- gains of exchange less losses: of what was settled, and of reassessments
with moved as (
    select i.source_relation, i.company_id, a.applied_date as day, coalesce(a.fx_gain_loss_base, 0) as amount_base
    from {{ ref('fct_payment_allocations') }} as a
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = a.invoice_key
    where a.unapplied_date is null
    union all
    select e.source_relation, e.company_id, e.posting_date, -e.amount_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as g on g.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and e.journal_type = 'fx_revaluation' and g.account_type = 'fx_gain_loss'
),

period as (
    select
        m.source_relation,
        m.company_id,
        {{ month_of('m.day') }} as period_start,
        max(m.day) as period_end,
        min(c.functional_currency) as currency_code,
        sum(m.amount_base) as numerator,
        1 as denominator
    from moved as m
    left join {{ ref('dim_company') }} as c on c.source_relation = m.source_relation and c.company_id = m.company_id
    group by m.source_relation, m.company_id, {{ month_of('m.day') }}
)

select
    {{ hashed(
        "'M29|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    p.currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator as decimal(18, 4)) as value
from period as p
