{{ config(materialized='table') }}

-- bills and payments that are there again; nothing, unless a person released them or a bill was declared a duplicate
with bills as (
    select
        i.*,
        row_number() over (
            partition by i.source_relation, i.company_id, i.party_id, {{ letters_and_digits('i.invoice_number') }},
                i.gross_amount, i.currency_code
            order by i.invoice_date, i.invoice_id
        ) as entered
    from {{ ref('fct_invoices') }} as i
    where i.direction = 'payable' and i.is_in_ledger
),

payments as (
    select
        p.*,
        row_number() over (
            partition by p.source_relation, p.company_id, p.party_id, p.reference, p.currency_code, p.amount
            order by p.payment_date, p.payment_id
        ) as paid_times
    from ({{ trade_payments() }}) as p
    where p.party_type = 'vendor' and p.direction = 'outbound'
),

billed as (
    select b.source_relation, b.company_id, b.party_id, b.invoice_number, b.currency_code, sum(b.gross_amount) as gross_amount
    from bills as b
    group by b.source_relation, b.company_id, b.party_id, b.invoice_number, b.currency_code
),

duplicates as (
    select
        b.source_relation, b.company_id, b.invoice_date as day, 'bill' as duplicate_of,
        case when b.entered > 1 then b.gross_amount_base else 0 end as amount_base
    from bills as b
    union all
    select
        p.source_relation, p.company_id, p.payment_date, 'payment',
        case when p.paid_times > 1 and p.amount * p.paid_times > b.gross_amount then p.amount_base else 0 end
    from payments as p
    left join billed as b
        on b.source_relation = p.source_relation and b.company_id = p.company_id and b.party_id = p.party_id
        and b.invoice_number = p.reference and b.currency_code = p.currency_code
),

period as (
    select
        d.source_relation,
        d.company_id,
        {{ month_of('d.day') }} as period_start,
        max(d.day) as period_end,
        d.duplicate_of,
        min(c.functional_currency) as currency_code,
        sum(d.amount_base) as numerator,
        1 as denominator
    from duplicates as d
    left join {{ ref('dim_company') }} as c on c.source_relation = d.source_relation and c.company_id = d.company_id
    group by d.source_relation, d.company_id, {{ month_of('d.day') }}, d.duplicate_of
)

select
    {{ hashed(
        "'M15|' || p.source_relation || '|' || coalesce(p.company_id, '') || '|' || cast(p.period_end as varchar) || '|' || coalesce(p.duplicate_of, '')"
    ) }} as metric_key,
    p.source_relation,
    p.company_id,
    p.period_start,
    p.period_end,
    p.duplicate_of,
    p.currency_code,
    cast(p.numerator as decimal(18, 4)) as numerator,
    cast(p.denominator as decimal(18, 4)) as denominator,
    cast(p.numerator as decimal(18, 4)) as value
from period as p
