{{ config(meta={'locator': {'entity': 'payment_allocation'}}) }}

-- cash, and a credit note, settle documents of the same customer or vendor, of their own direction, in the currency of the
-- document
select
    a.payment_allocation_key,
    a.source_relation,
    a.allocation_id,
    i.invoice_id,
    i.party_id as expected_party_id,
    coalesce(p.party_id, n.party_id) as actual_party_id,
    'payment_settles_documents_of_its_own_party' as rule,
    'invoice_id' as column_name,
    a.invoice_id as value,
    a._batch_id,
    a._row_no
from {{ ref('base_payment_allocation') }} as a
inner join {{ ref('fct_invoices') }} as i on i.invoice_key = {{ key_of('a', 'invoice_id') }}
left join {{ ref('fct_payments') }} as p on p.payment_key = {{ key_of('a', 'payment_id') }}
left join {{ ref('fct_invoices') }} as n on n.invoice_key = {{ key_of('a', 'credit_note_id') }}
where not a.is_deleted
    and (
        p.party_id <> i.party_id
        or n.party_id <> i.party_id
        or p.party_type <> case i.direction when 'receivable' then 'customer' else 'vendor' end
        or n.direction <> i.direction
        or a.currency_code <> i.currency_code
    )
    and {{ not_released_row('a') }}
