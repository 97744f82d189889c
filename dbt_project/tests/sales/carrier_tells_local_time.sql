{{ config(severity='warn') }}

-- parcels of the last quarter that the carrier took or handed over whole hours beside what the shipment says: a file whose
-- times are of another zone than it says
with shipments as (
    {{ few_rows(ref('base_shipment'), 't.shipped_at > ' ~ as_of() ~ ' - interval 90 day') }}
),

compared as (
    select
        e.shipment_event_key,
        e.source_relation,
        e.event_id,
        e.shipment_id,
        e.event_at,
        case e.event_type when 'picked_up' then s.shipped_at else s.delivered_at end as shipment_says
    from {{ ref('base_shipment_event') }} as e
    inner join shipments as s on s.shipment_key = {{ key_of('e', 'shipment_id') }}
    where e.event_type in ('picked_up', 'delivered') and not e.is_deleted and not s.is_deleted
),

apart as (
    select c.*, abs({{ dbt.datediff('c.shipment_says', 'c.event_at', 'second') }}) as seconds
    from compared as c
    where c.shipment_says is not null
)

select
    a.shipment_event_key,
    a.source_relation,
    a.event_id,
    a.shipment_id,
    a.event_at,
    a.shipment_says
from apart as a
where a.seconds between 3540 and 14 * 3600 + 60
    and mod(a.seconds + 60, 3600) <= 120
