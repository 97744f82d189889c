{{ config(materialized='table', tags=['daily']) }}

-- what translates a company's currency into that of its group, by month: the closing rate of its last day and the average
-- of its days. A month that is not over has the newest spot rate and the average of its spots so far. The group's
-- currency is that of the company at the top.
with recursive groups as (
    select
        c.source_relation,
        c.company_id,
        c.functional_currency,
        c.functional_currency as group_currency
    from {{ ref('dim_company') }} as c
    where c.parent_company_id is null
        or not exists (
            select 1 from {{ ref('dim_company') }} as p
            where p.source_relation = c.source_relation and p.company_id = c.parent_company_id
        )

    union all

    select
        c.source_relation,
        c.company_id,
        c.functional_currency,
        g.group_currency
    from {{ ref('dim_company') }} as c
    inner join groups as g on g.source_relation = c.source_relation and g.company_id = c.parent_company_id
),

rates as (
    select
        r.source_relation,
        r.from_currency,
        r.to_currency,
        r.rate_date,
        r.rate_type,
        r.rate
    from {{ ref('base_fx_rate') }} as r
    where not r.is_deleted
)

select
    m.source_relation,
    m.company_id,
    m.month_start,
    g.functional_currency,
    g.group_currency,
    case when g.functional_currency = g.group_currency then 1 else (
        select max_by(r.rate, (r.rate_type = 'closing', r.rate_date))
        from rates as r
        where r.source_relation = m.source_relation and r.from_currency = g.functional_currency
            and r.to_currency = g.group_currency
            and (
                (r.rate_type = 'closing' and r.rate_date between m.month_start and m.month_end)
                or (r.rate_type = 'spot' and r.rate_date <= m.month_end)
            )
    ) end as closing_rate,
    case when g.functional_currency = g.group_currency then 1 else coalesce(
        (
            select max(r.rate)
            from rates as r
            where r.source_relation = m.source_relation and r.from_currency = g.functional_currency
                and r.to_currency = g.group_currency
                and r.rate_type = 'average' and r.rate_date between m.month_start and m.month_end
        ),
        (
            select cast(avg(r.rate) as decimal(18, 8))
            from rates as r
            where r.source_relation = m.source_relation and r.from_currency = g.functional_currency
                and r.to_currency = g.group_currency
                and r.rate_type = 'spot' and r.rate_date between m.month_start and m.month_end
        )
    ) end as average_rate
from {{ ref('int_finance__months') }} as m
inner join groups as g on g.source_relation = m.source_relation and g.company_id = m.company_id
