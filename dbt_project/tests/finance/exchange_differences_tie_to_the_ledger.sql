{{ config(meta={
    'invariant': {'id': 'I33', 'contracts': ['finance.payment', 'finance.journal', 'finance.gl_account']},
    'locator': {'entity': 'payment'}
}) }}

-- the exchange differences that a payment's journal posts are those of its applications; all of them together are the
-- account's, but for revaluations and documents of their own
with posted as (
    select e.source_relation, e.source_document_id as payment_id, -sum(e.amount_base) as gain_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where a.account_type = 'fx_gain_loss' and e.is_posted and e.source_document_type = 'payment'
    group by e.source_relation, e.source_document_id
),

applied as (
    select a.source_relation, a.payment_id, sum(coalesce(a.fx_gain_loss_base, 0)) as gain_base
    from {{ ref('fct_payment_allocations') }} as a
    where a.payment_id is not null and a.unapplied_date is null
    group by a.source_relation, a.payment_id
),

unposted as (
    {{ postings_out() }}
)

select
    p.payment_key,
    p.source_relation,
    p.payment_id,
    coalesce(a.gain_base, 0) as expected_amount_base,
    coalesce(g.gain_base, 0) as actual_amount_base,
    'exchange_differences_tie_to_the_ledger' as rule,
    'amount_base' as column_name,
    cast(p.amount_base as varchar) as value,
    p._batch_id,
    p._row_no
from {{ ref('base_payment') }} as p
left join posted as g on g.source_relation = p.source_relation and g.payment_id = p.payment_id
left join applied as a on a.source_relation = p.source_relation and a.payment_id = p.payment_id
where not p.is_deleted
    and p.party_type in ('customer', 'vendor')
    and p.status not in ('failed', 'reversed')
    and coalesce(g.gain_base, 0) <> coalesce(a.gain_base, 0)
    -- what settles what, or its journal, is out
    and {{ nothing_is_out('p.source_relation', ['payment_allocation']) }}
    and not exists (
        select 1 from unposted as u
        where u.source_relation = p.source_relation
            and (
                (u.source_document_type = 'payment' and u.source_document_id = p.payment_id)
                or (u.source_document_id is null and g.payment_id is null)
            )
    )
    and p.source_relation in ({{ relations_with(['payment', 'payment_allocation', 'gl_entry', 'gl_account']) }})
    and {{ not_released_row('p') }}
