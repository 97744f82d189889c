-- depends_on: {{ ref('int_invoice__touched') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ clear_touched('invoice_key', 'int_invoice__touched', 'invoice_line_key') }}"
) }}

with lines as (
    {{ rows_to_write('invoice_line', 'int_invoice__touched', key='invoice_key') }}
),

invoices as (
    {{ rows_to_write('invoice', 'int_invoice__touched') }}
)

select
    l.invoice_line_key,
    l.invoice_key,
    l.source_relation,
    l.invoice_line_id,
    l.invoice_id,
    l.line_number,
    i.company_id,
    i.direction,
    i.document_type,
    i.party_id,
    i.order_id,
    i.invoice_date,
    i.status as invoice_status,
    i.status not in ('draft', 'void') as is_in_ledger,
    l.product_id,
    l.order_line_id,
    l.account_id,
    l.quantity,
    l.unit_price,
    l.discount_pct,
    l.net_amount,
    l.tax_code,
    l.tax_rate_pct,
    l.tax_amount,
    l.currency_code,
    l._batch_id,
    l._row_hash,
    {{ generation() }} as _generation
from lines as l
inner join invoices as i on i.invoice_key = l.invoice_key
where not l.is_deleted and not i.is_deleted
