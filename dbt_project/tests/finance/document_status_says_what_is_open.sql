{{ config(meta={
    'invariant': {'id': 'I09', 'contracts': ['finance.invoice', 'finance.payment']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- a document is paid, or written off, when nothing of it is open in either currency, and not before
with parties as (
    -- what is out may have been meant for any document of the party whose money or credit it is
    select distinct p.source_relation, p.party_type, p.party_id
    from {{ source('meta', 'quarantined') }} as q
    inner join {{ ref('fct_payments') }} as p
        on p.source_relation = q.source_relation and p.payment_id = {{ json_text('q.told', 'payment_id') }}
    where q.entity = 'payment_allocation'
    union
    select distinct n.source_relation, case n.direction when 'receivable' then 'customer' else 'vendor' end, n.party_id
    from {{ source('meta', 'quarantined') }} as q
    inner join {{ ref('fct_invoices') }} as n
        on n.source_relation = q.source_relation
        and n.invoice_id = {{ json_text('q.told', 'credit_note_id') }}
    where q.entity = 'payment_allocation'
)

select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.order_id,
    i.status,
    o.open_amount,
    o.open_amount_base
from {{ ref('fct_invoices') }} as i
inner join {{ ref('int_finance__open_items') }} as o
    on o.item_key = i.invoice_key and o.item_type = 'document' and o.open_to is null
where i.is_in_ledger
    and (i.status in ('paid', 'written_off')) <> (o.open_amount = 0 and o.open_amount_base = 0)
    -- what is applied beyond its amount is told by its own rule
    and not (i.gross_amount > 0 and (o.open_amount < 0 or o.open_amount_base < 0))
    and not (
        i.status in ('paid', 'written_off')
        and (
            (i.source_relation, case i.direction when 'receivable' then 'customer' else 'vendor' end, i.party_id)
            in (select (p.source_relation, p.party_type, p.party_id) from parties as p)
            or (i.source_relation, i.invoice_id) in (
                select (q.source_relation, {{ json_text('q.told', 'invoice_id') }})
                from {{ source('meta', 'quarantined') }} as q
                where q.entity = 'payment_allocation' and {{ json_text('q.told', 'invoice_id') }} is not null
            )
            or i.source_relation in (
                select w.source_relation from {{ source('meta', 'waiting') }} as w
                where w.entity = 'payment_allocation' and i.document_type = 'credit_note'
            )
        )
    )
    and i.source_relation in ({{ relations_with(['invoice', 'payment_allocation']) }})
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
