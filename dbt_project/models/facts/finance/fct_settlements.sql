-- depends_on: {{ ref('int_settlement__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('settlement_key', 'int_settlement__touched', 'settlement_key') }}"
) }}

with settlements as (
    {{ rows_to_write('settlement', 'int_settlement__touched') }}
)

select
    s.settlement_key,
    s.source_relation,
    s.settlement_id,
    s.batch_id as payout_batch_id,
    s.provider,
    s.company_id,
    s.payment_id,
    {{ key_of('s', 'payment_id') }} as payment_key,
    s.trade_date,
    s.expected_settlement_date,
    s.settled_date,
    s.gross_amount,
    s.fee_amount,
    s.net_amount,
    s.currency_code,
    s.status,
    s.bank_transaction_id,
    {{ key_of('s', 'bank_transaction_id') }} as bank_transaction_key,
    s._batch_id,
    s._row_hash,
    {{ generation() }} as _generation
from settlements as s
where not s.is_deleted
