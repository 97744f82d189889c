-- depends_on: {{ ref('int_customer__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('customer_entity_key', 'int_customer__touched', 'customer_key') }}"
) }}

with {{ history(
    'customer', ['segment', 'region', 'account_owner_id', 'payment_terms_days', 'credit_limit'],
    ref('int_customer__touched') if is_incremental() else none
) }}

select
    {{ hashed("h.customer_key || '|' || cast(epoch_us(h.valid_from) as varchar)") }} as customer_key,
    h.customer_key as customer_entity_key,
    b.source_relation,
    b.customer_id,
    b.customer_number,
    b.name as customer_name,
    b.customer_type,
    b.city,
    b.postal_code,
    b.country_code,
    b.language_code,
    b.currency_code,
    b.status,
    h.region,
    h.segment,
    h.account_owner_id,
    h.payment_terms_days,
    h.credit_limit,
    h.valid_from,
    h.valid_to,
    h.valid_to is null as is_current,
    h.is_deleted,
    h.changed_columns,
    b._batch_id,
    h._known_generation,
    {{ generation() }} as _generation
from history as h
inner join {{ ref('base_customer') }} as b on b.customer_key = h.customer_key
