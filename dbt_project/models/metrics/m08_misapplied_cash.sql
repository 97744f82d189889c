{{ config(materialized='table') }}

-- what payments of one party settled of documents of another; nothing, unless a person released it
with period as (
    select
        i.source_relation,
        i.company_id,
        {{ month_of('a.applied_date') }} as period_start,
        max(a.applied_date) as period_end,
        min(c.functional_currency) as currency_code,
        sum(case when p.party_id <> i.party_id then a.amount_applied_base else 0 end) as numerator,
        1 as denominator
    from {{ ref('fct_payment_allocations') }} as a
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = a.invoice_key
    inner join {{ ref('fct_payments') }} as p on p.payment_key = a.payment_key
    left join {{ ref('dim_company') }} as c on c.source_relation = i.source_relation and c.company_id = i.company_id
    group by i.source_relation, i.company_id, {{ month_of('a.applied_date') }}
)

select
    {{ hashed(
        "'M08|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
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
