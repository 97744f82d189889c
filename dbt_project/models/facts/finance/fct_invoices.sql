-- depends_on: {{ ref('int_invoice__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('invoice_key', 'int_invoice__touched', 'invoice_key') }}"
) }}

with invoices as (
    {{ rows_to_write('invoice', 'int_invoice__touched') }}
)

select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.invoice_number,
    i.company_id,
    i.direction,
    i.document_type,
    i.party_id,
    {{ key_of('i', 'party_id') }} as party_entity_key,
    i.order_id,
    i.invoice_date,
    i.received_at,
    i.issued_at,
    i.due_date,
    i.payment_terms_days,
    i.currency_code,
    i.fx_rate,
    i.net_amount,
    i.tax_amount,
    i.gross_amount,
    i.net_amount_base,
    i.tax_amount_base,
    i.gross_amount_base,
    i.status,
    -- a draft is no claim yet and a void document none any more
    i.status not in ('draft', 'void') as is_in_ledger,
    i.approved_by,
    i.approved_at,
    i.dispute_reason,
    i.original_invoice_id,
    i.duplicate_of_invoice_id,
    i.e_invoice_format,
    i.document_id,
    i._batch_id,
    i._row_hash,
    {{ generation() }} as _generation
from invoices as i
where not i.is_deleted
