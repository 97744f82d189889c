-- depends_on: {{ ref('int_vendor__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('vendor_entity_key', 'int_vendor__touched', 'vendor_key') }}"
) }}

with {{ history(
    'vendor',
    ['category', 'is_preferred', 'payment_terms_days', 'early_discount_pct', 'early_discount_days', 'status'],
    ref('int_vendor__touched') if is_incremental() else none
) }}

select
    {{ hashed("h.vendor_key || '|' || cast(epoch_us(h.valid_from) as varchar)") }} as vendor_key,
    h.vendor_key as vendor_entity_key,
    b.source_relation,
    b.vendor_id,
    b.vendor_number,
    b.name as vendor_name,
    b.country_code,
    b.currency_code,
    b.iban_changed_at,
    h.category,
    h.is_preferred,
    h.payment_terms_days,
    h.early_discount_pct,
    h.early_discount_days,
    h.status,
    h.valid_from,
    h.valid_to,
    h.valid_to is null as is_current,
    h.is_deleted,
    h.changed_columns,
    b._batch_id,
    h._known_generation,
    {{ generation() }} as _generation
from history as h
inner join {{ ref('base_vendor') }} as b on b.vendor_key = h.vendor_key
