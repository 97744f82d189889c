-- depends_on: {{ ref('int_stock_movement__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('stock_movement_key', 'int_stock_movement__touched', 'stock_movement_key') }}"
) }}

with movements as (
    {{ rows_to_write('stock_movement', 'int_stock_movement__touched') }}
)

select
    m.stock_movement_key,
    m.source_relation,
    m.movement_id,
    m.company_id,
    m.product_id,
    {{ key_of('m', 'product_id') }} as product_entity_key,
    m.location_id,
    m.movement_type,
    m.posting_at,
    -- the day people saw there, by which the ledger is posted
    cast(timezone(m._timezone, m.posting_at) as date) as posting_date,
    m.entered_at,
    m.quantity,
    m.unit_cost,
    m.value_base,
    m.source_document_type,
    m.source_document_id,
    m.transfer_id,
    m._batch_id,
    m._row_hash,
    {{ generation() }} as _generation
from movements as m
where not m.is_deleted
