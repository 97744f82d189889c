-- depends_on: {{ ref('int_bank_statement__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('bank_statement_key', 'int_bank_statement__touched', 'bank_transaction_key') }}"
) }}

with entries as (
    {{ rows_to_write('bank_transaction', 'int_bank_statement__touched', key='bank_statement_key') }}
),

statements as (
    {{ rows_to_write('bank_statement', 'int_bank_statement__touched') }}
)

select
    e.bank_transaction_key,
    e.bank_statement_key,
    e.source_relation,
    e.bank_transaction_id,
    e.statement_id,
    s.sequence_number,
    s.from_date as statement_from_date,
    s.to_date as statement_to_date,
    e.bank_account_id,
    {{ key_of('e', 'bank_account_id') }} as bank_account_key,
    a.company_id,
    a.gl_account_id,
    {{ key_of('a', 'gl_account_id') }} as gl_account_entity_key,
    e.booking_date,
    e.value_date,
    e.amount,
    e.currency_code,
    e.counterparty_name,
    e.counterparty_iban,
    e.end_to_end_id,
    e.remittance_text,
    e.bank_code,
    e.is_reversal,
    e._batch_id,
    e._row_hash,
    {{ generation() }} as _generation
from entries as e
inner join statements as s on s.bank_statement_key = e.bank_statement_key
left join {{ ref('base_bank_account') }} as a on a.bank_account_key = {{ key_of('e', 'bank_account_id') }}
where not e.is_deleted and not s.is_deleted
