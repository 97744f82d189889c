-- depends_on: {{ ref('int_gl_entry__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('gl_entry_key', 'int_gl_entry__touched', 'gl_entry_key') }}"
) }}

with entries as (
    {{ rows_to_write('gl_entry', 'int_gl_entry__touched') }}
)

select
    e.gl_entry_key,
    e.journal_key,
    e.source_relation,
    e.entry_id,
    e.journal_id,
    e.line_number,
    e.company_id,
    e.journal_type,
    e.posting_date,
    e.entered_at,
    e.entered_by,
    e.account_id,
    {{ key_of('e', 'account_id') }} as gl_account_entity_key,
    e.debit,
    e.credit,
    cast(e.debit - e.credit as decimal(18, 4)) as amount,
    e.currency_code,
    e.debit_base,
    e.credit_base,
    cast(e.debit_base - e.credit_base as decimal(18, 4)) as amount_base,
    e.party_type,
    e.party_id,
    e.source_document_type,
    e.source_document_id,
    e.department_id,
    e.counterparty_company_id,
    e.is_reversal,
    e.reversed_journal_id,
    e.memo,
    e.status,
    e.status = 'posted' as is_posted,
    e._ingested_at as known_at,
    e._batch_id,
    e._row_hash,
    {{ generation() }} as _generation
from entries as e
where not e.is_deleted
    -- half a journal does not balance: it waits as a whole
    and {{ is_complete('gl_entry', 'e.source_relation', 'e.journal_id') }}
