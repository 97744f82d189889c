{{ config(meta={
    'invariant': {'id': 'I10', 'contracts': ['finance.payment']}, 'locator': {'entity': 'payment'}
}) }}

-- a payment of a customer or to a vendor is what it settles; what is left is listed as unapplied cash in the ageing, and
-- never below nothing
select
    p.payment_key,
    p.source_relation,
    p.payment_id,
    p.amount as expected_amount,
    sum(e.amount) as actual_amount,
    'payment_is_not_applied_beyond_its_amount' as rule,
    'amount' as column_name,
    cast(p.amount as varchar) as value,
    p._batch_id,
    p._row_no
from {{ ref('base_payment') }} as p
inner join ({{ explained_cash() }}) as e on e.payment_key = p.payment_key
where not p.is_deleted
    and e.unapplied_date is null
    and p.source_relation in ({{ relations_with(['payment', 'payment_allocation']) }})
    and {{ not_released_row('p') }}
group by p.payment_key, p.source_relation, p.payment_id, p.amount, p._batch_id, p._row_no
having sum(e.amount) > p.amount
