{# Metrics that are the same of receivables and of payables; ``id`` is the metric's number. #}

{% macro open_amount_metric(id, aging) -%}
-- documents open at the end of each month and on the day of the build, in the functional currency
with period as (
    select
        a.source_relation,
        a.company_id,
        {{ month_of('a.as_of_date') }} as period_start,
        a.as_of_date as period_end,
        min(a.functional_currency_code) as currency_code,
        sum(a.open_amount_base) as numerator,
        1 as denominator
    from {{ ref(aging) }} as a
    where a.item_type <> 'unapplied_cash' and (a.as_of_date = {{ as_of_date() }} or extract(day from a.as_of_date + interval 1 day) = 1)
    group by a.source_relation, a.company_id, a.as_of_date
)

select
    {{ hashed(
        "'" ~ id ~ "|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
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
{%- endmacro %}

{% macro days_outstanding_metric(id, open_metric, direction) -%}
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
            where i.direction = '{{ direction }}' and i.is_in_ledger
                and i.source_relation = o.source_relation and i.company_id = o.company_id
                and i.invoice_date > o.period_end - 90 and i.invoice_date <= o.period_end
        ) as denominator
    from {{ ref(open_metric) }} as o
)

select
    {{ hashed(
        "'" ~ id ~ "|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar)"
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
{%- endmacro %}
