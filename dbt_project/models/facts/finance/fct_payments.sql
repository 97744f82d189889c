-- depends_on: {{ ref('int_payment__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('payment_key', 'int_payment__touched', 'payment_key') }}"
) }}

with payments as (
    {{ rows_to_write('payment', 'int_payment__touched') }}
)

select
    p.payment_key,
    p.source_relation,
    p.payment_id,
    p.company_id,
    p.direction,
    p.party_type,
    p.party_id,
    p.payment_date,
    p.method,
    p.bank_account_id,
    p.currency_code,
    p.amount,
    p.fx_rate,
    p.amount_base,
    p.reference,
    p.status,
    p.cleared_at,
    p.run_id,
    p._batch_id,
    p._row_hash,
    {{ generation() }} as _generation
from payments as p
where not p.is_deleted
