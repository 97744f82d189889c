-- depends_on: {{ ref('base_invoice') }}
-- depends_on: {{ ref('base_payment') }}
-- depends_on: {{ ref('base_payment_allocation') }}
{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ forget_versions(['invoice', 'payment', 'payment_allocation']) }}"
) }}

{{ versions_to_keep('invoice', {
    'company_id': 'v.company_id', 'direction': 'v.direction', 'status': 'v.status', 'party_type': 'cast(null as varchar)',
    'party_id': 'v.party_id', 'native_id': 'v.invoice_id', 'number': 'v.invoice_number', 'kind': 'v.document_type',
    'day': 'v.invoice_date', 'other_day': 'v.due_date', 'currency_code': 'v.currency_code',
    'amount': 'v.gross_amount', 'amount_base': 'v.gross_amount_base',
    'invoice_key': 'v.invoice_key', 'payment_key': 'cast(null as uuid)', 'credit_note_key': 'cast(null as uuid)',
    'forgiven': 'cast(null as decimal(18, 4))', 'gain_base': 'cast(null as decimal(18, 4))',
}) }}

union all

{{ versions_to_keep('payment', {
    'company_id': 'v.company_id', 'direction': 'v.direction', 'status': 'v.status', 'party_type': 'v.party_type',
    'party_id': 'v.party_id', 'native_id': 'v.payment_id', 'number': 'v.reference', 'kind': "'unapplied_cash'",
    'day': 'v.payment_date', 'other_day': 'cast(null as date)', 'currency_code': 'v.currency_code',
    'amount': 'v.amount', 'amount_base': 'v.amount_base',
    'invoice_key': 'cast(null as uuid)', 'payment_key': 'v.payment_key', 'credit_note_key': 'cast(null as uuid)',
    'forgiven': 'cast(null as decimal(18, 4))', 'gain_base': 'cast(null as decimal(18, 4))',
}) }}

union all

{{ versions_to_keep('payment_allocation', {
    'company_id': 'cast(null as varchar)', 'direction': 'cast(null as varchar)', 'status': 'cast(null as varchar)',
    'party_type': 'cast(null as varchar)', 'party_id': 'cast(null as varchar)', 'native_id': 'v.allocation_id',
    'number': 'cast(null as varchar)', 'kind': 'cast(null as varchar)',
    'day': 'v.applied_date', 'other_day': 'v.unapplied_date', 'currency_code': 'v.currency_code',
    'amount': 'v.amount_applied', 'amount_base': 'v.amount_applied_base',
    'invoice_key': key_of('v', 'invoice_id'), 'payment_key': key_of('v', 'payment_id'),
    'credit_note_key': key_of('v', 'credit_note_id'),
    'forgiven': 'coalesce(v.discount_taken, 0) + coalesce(v.writeoff_amount, 0)',
    'gain_base': 'coalesce(v.fx_gain_loss_base, 0)',
}) }}
