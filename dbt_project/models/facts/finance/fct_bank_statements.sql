-- depends_on: {{ ref('int_bank_statement__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('bank_statement_key', 'int_bank_statement__touched', 'bank_statement_key') }}"
) }}

with statements as (
    {{ rows_to_write('bank_statement', 'int_bank_statement__touched') }}
)

select
    s.bank_statement_key,
    s.source_relation,
    s.statement_id,
    s.bank_account_id,
    {{ key_of('s', 'bank_account_id') }} as bank_account_key,
    a.company_id,
    a.gl_account_id,
    {{ key_of('a', 'gl_account_id') }} as gl_account_entity_key,
    s.sequence_number,
    s.from_date,
    s.to_date,
    s.opening_balance,
    s.closing_balance,
    s.currency_code,
    s.source_file,
    s._batch_id,
    s._row_hash,
    {{ generation() }} as _generation
from statements as s
left join {{ ref('base_bank_account') }} as a on a.bank_account_key = {{ key_of('s', 'bank_account_id') }}
where not s.is_deleted
