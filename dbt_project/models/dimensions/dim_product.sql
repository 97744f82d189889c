-- depends_on: {{ ref('int_product__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('product_entity_key', 'int_product__touched', 'product_key') }}"
) }}

with {{ history(
    'product', ['category', 'standard_cost', 'cost_currency', 'status'],
    ref('int_product__touched') if is_incremental() else none
) }}

select
    {{ hashed("h.product_key || '|' || cast(epoch_us(h.valid_from) as varchar)") }} as product_key,
    h.product_key as product_entity_key,
    b.source_relation,
    b.product_id,
    b.sku,
    b.name as product_name,
    b.unit_of_measure,
    b.is_stocked,
    b.reorder_point,
    b.safety_stock,
    b.lead_time_days,
    h.category,
    h.standard_cost,
    h.cost_currency,
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
inner join {{ ref('base_product') }} as b on b.product_key = h.product_key
