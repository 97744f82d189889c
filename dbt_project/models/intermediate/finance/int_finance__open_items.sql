{{ config(materialized='table') }}

with moves as (
    {{ open_item_moves() }}
),

by_day as (
    select
        m.item_type,
        m.item_key,
        m.day,
        sum(m.amount) as amount,
        sum(m.amount_base) as amount_base
    from moves as m
    group by m.item_type, m.item_key, m.day
),

stretches as (
    select
        d.item_type,
        d.item_key,
        d.day as open_from,
        lead(d.day) over (partition by d.item_type, d.item_key order by d.day) as open_to,
        sum(d.amount) over (partition by d.item_type, d.item_key order by d.day) as open_amount,
        sum(d.amount_base) over (partition by d.item_type, d.item_key order by d.day) as open_amount_base
    from by_day as d
)

select
    s.item_type,
    s.item_key,
    s.open_from,
    s.open_to,
    cast(s.open_amount as decimal(18, 4)) as open_amount,
    -- cash that is explained to the cent is explained, whatever its parts were rounded to
    cast(
        case when s.item_type = 'payment' and s.open_amount = 0 then 0 else s.open_amount_base end as decimal(18, 4)
    ) as open_amount_base
from stretches as s
