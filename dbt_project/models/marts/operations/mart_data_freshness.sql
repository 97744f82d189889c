{{ config(materialized='table', tags=['always']) }}

-- one row per source table: how fresh it is and where its landed rows are now
with landed as (
    select
        t.source,
        t.table_name,
        cast(sum(t.landed_rows) as bigint) as landed_rows,
        count(distinct t.batch_id) as batch_count,
        max(b.event_at_max) as last_event_at,
        max(b.landed_at) as last_landed_at
    from {{ source('meta', 'batch_table') }} as t
    inner join {{ source('meta', 'batch') }} as b on b.batch_id = t.batch_id
    group by t.source, t.table_name
),

quarantined as (
    select
        q.source,
        q.table_name,
        count(distinct q.batch_id || '|' || cast(q.row_no as varchar)) as quarantined_rows
    from {{ source('meta', 'quarantined') }} as q
    group by q.source, q.table_name
),

waiting as (
    select
        m.source,
        m.table_name,
        count(distinct w.batch_id || '|' || cast(w.row_no as varchar)) as waiting_rows
    from {{ ref('base_waiting') }} as w
    inner join {{ source('meta', 'mapping') }} as m
        on m.source_relation = w.source_relation and m.entity = w.entity
    group by m.source, m.table_name
)

select
    {{ hashed("s.source || '|' || s.table_name") }} as source_table_key,
    s.source,
    s.source_relation,
    s.table_name,
    s.freshness_minutes,
    l.last_event_at,
    l.last_landed_at,
    cast(coalesce(l.batch_count, 0) as bigint) as batch_count,
    cast(coalesce(l.landed_rows, 0) as bigint) as landed_rows,
    cast(coalesce(l.landed_rows, 0) - coalesce(q.quarantined_rows, 0) - coalesce(w.waiting_rows, 0) as bigint)
        as accepted_rows,
    cast(coalesce(q.quarantined_rows, 0) as bigint) as quarantined_rows,
    cast(coalesce(w.waiting_rows, 0) as bigint) as waiting_rows,
    {{ as_of() }} as as_of
from {{ source('meta', 'source_table') }} as s
left join landed as l on l.source = s.source and l.table_name = s.table_name
left join quarantined as q on q.source = s.source and q.table_name = s.table_name
left join waiting as w on w.source = s.source and w.table_name = s.table_name
