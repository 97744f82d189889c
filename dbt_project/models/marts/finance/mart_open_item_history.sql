{{ config(materialized='table') }}

with {{ known_versions() }},

-- an application on its document, and (of a credit note) on the note the other way round, while both are known
applied as (
    select a.invoice_key as item_key, 1 as sign, a.* from applications as a
    union all
    select a.credit_note_key, -1, a.* from applications as a where a.credit_note_key is not null
),

on_documents as (
    select
        i.key as item_key,
        greatest(a.day, i.day) as applied_from,
        case when a.other_day is not null then greatest(a.other_day, i.day) end as applied_to,
        -a.sign * a.amount as amount,
        -a.sign * a.amount_base as amount_base,
        {{ known_both('a', 'i') }}
    from applied as a
    inner join invoices as i on i.key = a.item_key and {{ are_known_together('a', 'i') }}
),

on_payments as (
    select
        p.key as item_key,
        greatest(a.day, p.day, i.day) as applied_from,
        case when a.other_day is not null then greatest(a.other_day, a.day, p.day, i.day) end as applied_to,
        p.settles_sign * (a.amount - a.forgiven) as amount,
        p.settles_sign * (
            a.amount_base
            + case when p.direction = 'inbound' then 1 else -1 end * a.gain_base
            - case
                when a.forgiven = 0 then 0
                else cast(a.forgiven * a.amount_base / nullif(a.amount, 0) as decimal(18, 2))
            end
        ) as amount_base,
        greatest(a.known_from, p.known_from, i.known_from) as known_from,
        least(a.known_to, p.known_to, i.known_to) as known_to
    from applications as a
    inner join payments as p on p.key = a.payment_key and {{ are_known_together('a', 'p') }}
    inner join invoices as i
        on i.key = a.invoice_key and {{ are_known_together('a', 'i') }} and {{ are_known_together('p', 'i') }}
),

moves as materialized (
    select i.key as item_key, i.day, i.amount, i.amount_base, i.known_from, i.known_to from invoices as i
    union all
    select p.key, p.day, -p.settles_sign * p.amount, -p.settles_sign * p.amount_base, p.known_from, p.known_to
    from payments as p
    union all
    select d.item_key, d.applied_from, d.amount, d.amount_base, d.known_from, d.known_to from on_documents as d
    union all
    select d.item_key, d.applied_to, -d.amount, -d.amount_base, d.known_from, d.known_to
    from on_documents as d
    where d.applied_to is not null
    union all
    select d.item_key, d.applied_from, d.amount, d.amount_base, d.known_from, d.known_to from on_payments as d
    union all
    select d.item_key, d.applied_to, -d.amount, -d.amount_base, d.known_from, d.known_to
    from on_payments as d
    where d.applied_to is not null
),

-- an item's knowledge changes when anything known of it does
turns as (
    select m.item_key, m.known_from as turned_at from moves as m
    union
    select m.item_key, m.known_to from moves as m
),

states as (
    select
        t.item_key,
        t.turned_at as known_from,
        lead(t.turned_at) over (partition by t.item_key order by t.turned_at) as known_to
    from turns as t
),

by_day as (
    select s.item_key, s.known_from, s.known_to, m.day, sum(m.amount) as amount, sum(m.amount_base) as amount_base
    from states as s
    inner join moves as m
        on m.item_key = s.item_key and m.known_from <= s.known_from and m.known_to >= s.known_to
    group by s.item_key, s.known_from, s.known_to, m.day
),

stretches as (
    select
        d.item_key,
        d.known_from,
        d.known_to,
        d.day as open_from,
        lead(d.day) over (partition by d.item_key, d.known_from order by d.day) as open_to,
        sum(d.amount) over (partition by d.item_key, d.known_from order by d.day) as open_amount,
        sum(d.amount_base) over (partition by d.item_key, d.known_from order by d.day) as open_amount_base
    from by_day as d
),

items as (
    select
        i.key, i.source_relation, i.company_id, i.direction, i.kind, i.native_id as invoice_id, i.number as invoice_number,
        cast(null as varchar) as payment_id, i.party_id, i.day, i.other_day as due_date, i.status, i.currency_code,
        i.known_from, i.known_to
    from invoices as i
    union all
    select
        p.key, p.source_relation, p.company_id, p.settles, p.kind, null, null,
        p.native_id, p.party_id, p.day, null, p.status, p.currency_code,
        p.known_from, p.known_to
    from payments as p
)

select
    {{ hashed("cast(s.item_key as varchar) || cast(s.open_from as varchar) || cast(extract(epoch from s.known_from) as varchar)") }}
        as open_item_history_key,
    i.source_relation,
    i.company_id,
    i.direction,
    i.kind as item_type,
    i.invoice_id,
    i.invoice_number,
    i.payment_id,
    i.party_id,
    i.day as item_date,
    i.due_date,
    i.status,
    s.open_from,
    s.open_to,
    s.known_from,
    nullif(s.known_to, {{ end_of_time() }}) as known_to,
    i.currency_code,
    cast(s.open_amount as decimal(18, 4)) as open_amount,
    c.functional_currency as functional_currency_code,
    cast(s.open_amount_base as decimal(18, 4)) as open_amount_base
from stretches as s
inner join items as i on i.key = s.item_key and i.known_from <= s.known_from and i.known_to >= s.known_to
left join {{ ref('dim_company') }} as c on c.source_relation = i.source_relation and c.company_id = i.company_id
where s.open_amount <> 0 or (s.open_amount_base <> 0 and i.payment_id is null)
