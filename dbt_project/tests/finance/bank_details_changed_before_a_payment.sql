{{ config(severity='warn') }}

-- payments within two weeks of a change of the vendor's bank details: to be confirmed with the vendor, by another way
select
    p.payment_key,
    p.source_relation,
    p.company_id,
    p.payment_id,
    p.party_id as vendor_id,
    p.payment_date,
    p.amount,
    p.currency_code,
    v.iban_changed_at
from {{ ref('fct_payments') }} as p
inner join {{ ref('dim_vendor') }} as v on v.vendor_entity_key = {{ key_of('p', 'party_id') }} and v.is_current
where p.party_type = 'vendor' and p.direction = 'outbound'
    and p.status not in ('failed', 'reversed')
    and p.payment_date >= cast(v.iban_changed_at as date)
    and p.payment_date <= cast(v.iban_changed_at as date) + interval 14 day
    and p.payment_date > {{ as_of_date() }} - interval 35 day
