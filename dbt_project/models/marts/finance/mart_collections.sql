{{ config(materialized='table', tags=['daily']) }}

with months as materialized (
    {{ months_to_date("(select coalesce(min(f.invoice_date), " ~ as_of_date() ~ ") from " ~ ref('fct_invoices') ~ " as f)") }}
),

invoices as (
    select i.* from {{ ref('fct_invoices') }} as i where i.direction = 'receivable' and i.is_in_ledger
),

-- each customer from the month of its first document on
spine as (
    select f.source_relation, f.company_id, f.party_id, m.month_start, m.as_of_date
    from (
        select i.source_relation, i.company_id, i.party_id, min(i.invoice_date) as first_date
        from invoices as i
        group by i.source_relation, i.company_id, i.party_id
    ) as f
    inner join months as m on m.as_of_date >= f.first_date
),

closing as (
    select
        o.source_relation, o.company_id, o.party_id, o.as_of_date,
        sum(o.open_amount_base) as open_base,
        sum(case when o.due_date < o.as_of_date then o.open_amount_base else 0 end) as overdue_base
    from ({{ open_items('months', 'receivable') }}) as o
    group by o.source_relation, o.company_id, o.party_id, o.as_of_date
),

billed as (
    select
        i.source_relation, i.company_id, i.party_id, {{ month_of('i.invoice_date') }} as month_start,
        sum(case when i.document_type <> 'credit_note' then i.gross_amount_base else 0 end) as billed_base,
        -sum(case when i.document_type = 'credit_note' then i.gross_amount_base else 0 end) as credited_base
    from invoices as i
    group by i.source_relation, i.company_id, i.party_id, {{ month_of('i.invoice_date') }}
),

applied as (
    select
        i.source_relation, i.company_id, i.party_id, a.payment_id,
        greatest(a.applied_date, i.invoice_date) as day,
        a.amount_applied_base as amount_base
    from {{ ref('fct_payment_allocations') }} as a
    inner join invoices as i on i.invoice_key = a.invoice_key
    where a.credit_note_id is null

    union all

    select
        i.source_relation, i.company_id, i.party_id, a.payment_id,
        greatest(a.unapplied_date, i.invoice_date),
        -a.amount_applied_base
    from {{ ref('fct_payment_allocations') }} as a
    inner join invoices as i on i.invoice_key = a.invoice_key
    where a.credit_note_id is null and a.unapplied_date is not null
),

collected as (
    select
        a.source_relation, a.company_id, a.party_id, {{ month_of('a.day') }} as month_start,
        sum(case when a.payment_id is not null then a.amount_base else 0 end) as collected_base,
        sum(case when a.payment_id is null then a.amount_base else 0 end) as written_off_base
    from applied as a
    group by a.source_relation, a.company_id, a.party_id, {{ month_of('a.day') }}
),

settled as (
    select
        i.source_relation, i.company_id, i.party_id, {{ month_of('o.open_from') }} as month_start,
        count(*) as settled_invoices,
        sum(case when o.open_from > i.due_date then 1 else 0 end) as settled_late_invoices,
        sum(greatest(o.open_from - i.due_date, 0)) as days_late_total,
        sum(o.open_from - i.invoice_date) as days_to_pay_total
    from {{ ref('int_finance__open_items') }} as o
    inner join invoices as i on i.invoice_key = o.item_key
    where o.item_type = 'document' and o.open_to is null and o.open_amount = 0
        and i.document_type <> 'credit_note' and i.status <> 'written_off'
    group by i.source_relation, i.company_id, i.party_id, {{ month_of('o.open_from') }}
),

joined as (
    select
        s.source_relation,
        s.company_id,
        s.party_id,
        s.month_start,
        s.as_of_date,
        coalesce(lag(c.open_base) over (
            partition by s.source_relation, s.company_id, s.party_id order by s.month_start
        ), 0) as opening_base,
        coalesce(b.billed_base, 0) as billed_base,
        coalesce(b.credited_base, 0) as credited_base,
        coalesce(p.collected_base, 0) as collected_base,
        coalesce(p.written_off_base, 0) as written_off_base,
        coalesce(c.open_base, 0) as open_base,
        coalesce(c.overdue_base, 0) as overdue_base,
        coalesce(e.settled_invoices, 0) as settled_invoices,
        coalesce(e.settled_late_invoices, 0) as settled_late_invoices,
        coalesce(e.days_late_total, 0) as days_late_total,
        coalesce(e.days_to_pay_total, 0) as days_to_pay_total
    from spine as s
    left join closing as c
        on c.source_relation = s.source_relation and c.company_id = s.company_id and c.party_id = s.party_id
        and c.as_of_date = s.as_of_date
    left join billed as b
        on b.source_relation = s.source_relation and b.company_id = s.company_id and b.party_id = s.party_id
        and b.month_start = s.month_start
    left join collected as p
        on p.source_relation = s.source_relation and p.company_id = s.company_id and p.party_id = s.party_id
        and p.month_start = s.month_start
    left join settled as e
        on e.source_relation = s.source_relation and e.company_id = s.company_id and e.party_id = s.party_id
        and e.month_start = s.month_start
)

select
    {{ hashed(
        "j.source_relation || '|' || j.company_id || '|' || j.party_id || '|' || cast(j.month_start as varchar)"
    ) }} as collections_key,
    j.source_relation,
    j.company_id,
    j.party_id as customer_id,
    {{ key_of('j', 'party_id') }} as customer_entity_key,
    j.month_start,
    j.as_of_date,
    d.functional_currency as currency_code,
    cast(j.opening_base as decimal(18, 4)) as opening_amount,
    cast(j.billed_base as decimal(18, 4)) as billed_amount,
    cast(j.credited_base as decimal(18, 4)) as credited_amount,
    cast(j.collected_base as decimal(18, 4)) as collected_amount,
    cast(j.written_off_base as decimal(18, 4)) as written_off_amount,
    cast(j.open_base as decimal(18, 4)) as open_amount,
    cast(j.overdue_base as decimal(18, 4)) as overdue_amount,
    cast(j.opening_base + j.billed_base - j.open_base as decimal(18, 4)) as cei_numerator,
    cast(j.opening_base + j.billed_base - (j.open_base - j.overdue_base) as decimal(18, 4)) as cei_denominator,
    cast(j.settled_invoices as integer) as settled_invoices,
    cast(j.settled_late_invoices as integer) as settled_late_invoices,
    cast(j.days_late_total as integer) as days_late_total,
    cast(j.days_to_pay_total as integer) as days_to_pay_total
from joined as j
left join {{ ref('dim_company') }} as d on d.source_relation = j.source_relation and d.company_id = j.company_id
