-- depends_on: {{ ref('int_payment_allocation__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('payment_allocation_key', 'int_payment_allocation__touched', 'payment_allocation_key') }}"
) }}

with allocations as (
    {{ rows_to_write('payment_allocation', 'int_payment_allocation__touched') }}
)

select
    a.payment_allocation_key,
    a.source_relation,
    a.allocation_id,
    a.payment_id,
    {{ key_of('a', 'payment_id') }} as payment_key,
    a.credit_note_id,
    {{ key_of('a', 'credit_note_id') }} as credit_note_key,
    a.invoice_id,
    {{ key_of('a', 'invoice_id') }} as invoice_key,
    a.applied_date,
    a.unapplied_date,
    a.amount_applied,
    a.currency_code,
    a.amount_applied_base,
    a.discount_taken,
    a.writeoff_amount,
    a.fx_gain_loss_base,
    a._batch_id,
    a._row_hash,
    {{ generation() }} as _generation
from allocations as a
where not a.is_deleted
