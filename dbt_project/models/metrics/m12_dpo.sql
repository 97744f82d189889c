{{ config(materialized='table', tags=['daily']) }}

-- what is open, in days of the last 90 days' documents; gross over gross
with period as (
    select
        o.source_relation,
        o.company_id,
        o.period_end - 89 as period_start,
        o.period_end,
        o.value * 90 as numerator,
        (
            select sum(i.gross_amount_base)
            from {{ ref('fct_invoices') }} as i
            where i.direction = 'payable' and i.is_in_ledger
                and i.source_relation = o.source_relation and i.company_id = o.company_id
                and i.invoice_date > o.period_end - 90 and i.invoice_date <= o.period_end
        ) as denominator
    from {{ ref('m11_ap_open') }} as o
)

select
    {{ hashed(
        "'M12|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    cast(null as varchar) as currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator / nullif(p.denominator, 0) as decimal(18, 4)) as value
from period as p
