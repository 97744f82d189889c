{#
  What is open of documents and payments. A document is open from its date on; what is applied to it counts from the day
  it was applied (not before the document's own) until the day the application was undone; what is applied of a credit
  note is no longer open on the note. Applications are at the rate of the document, so that the sum is the control
  account. Cash that no document explains yet is open the other way round, at the payment's own rate.
#}

{#
  Payments of trade parties: the direction of the documents they settle. Failed and reversed ones settle nothing. Where a
  source does not tell what was billed and what a payment settled, none of its payments is unexplained.
#}
{% macro trade_payments() -%}
    select
        p.*,
        case p.party_type when 'customer' then 'receivable' else 'payable' end as settles,
        -- what is paid back to a customer, or comes back from a vendor, is open again
        case when (p.party_type = 'customer') = (p.direction = 'inbound') then 1 else -1 end as settles_sign
    from {{ ref('fct_payments') }} as p
    where p.party_type in ('customer', 'vendor') and p.status not in ('failed', 'reversed')
        and p.source_relation in ({{ relations_with(['invoice', 'payment', 'payment_allocation']) }})
{%- endmacro %}

{#
  Each application by its payment: what it clears on the document, and what of the payment it explains, which is less by
  what was forgiven, and in the functional currency more by a gain of exchange. A document explains nothing before its own
  date, and a draft or void one never does.
#}
{% macro explained_cash() -%}
    select
        a.payment_key,
        p.settles_sign,
        a.applied_date,
        a.unapplied_date,
        greatest(a.applied_date, p.payment_date, i.invoice_date) as explained_from,
        a.amount_applied - coalesce(a.discount_taken, 0) - coalesce(a.writeoff_amount, 0) as amount,
        a.amount_applied_base
        + case when p.direction = 'inbound' then 1 else -1 end * coalesce(a.fx_gain_loss_base, 0)
        - case
            when coalesce(a.discount_taken, 0) + coalesce(a.writeoff_amount, 0) = 0 then 0
            else cast(
                (coalesce(a.discount_taken, 0) + coalesce(a.writeoff_amount, 0)) * a.amount_applied_base
                / nullif(a.amount_applied, 0) as decimal(18, 2)
            )
        end as amount_base
    from {{ ref('fct_payment_allocations') }} as a
    inner join ({{ trade_payments() }}) as p on p.payment_key = a.payment_key
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = a.invoice_key and i.is_in_ledger
{%- endmacro %}

{# All that changes what is open of an item, on the day it does: item_type (document or payment), item_key, day, amounts. #}
{% macro open_item_moves() -%}
    {%- set applied -%}
        select a.invoice_key, a.applied_date, a.unapplied_date, a.amount_applied as amount, a.amount_applied_base as amount_base
        from {{ ref('fct_payment_allocations') }} as a
        union all
        select a.credit_note_key, a.applied_date, a.unapplied_date, -a.amount_applied, -a.amount_applied_base
        from {{ ref('fct_payment_allocations') }} as a
        where a.credit_note_id is not null
    {%- endset %}
    select
        'document' as item_type,
        i.invoice_key as item_key,
        i.invoice_date as day,
        i.gross_amount as amount,
        i.gross_amount_base as amount_base
    from {{ ref('fct_invoices') }} as i
    where i.is_in_ledger
    union all
    select 'document', i.invoice_key, greatest(s.applied_date, i.invoice_date), -s.amount, -s.amount_base
    from ({{ applied }}) as s
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = s.invoice_key and i.is_in_ledger
    union all
    select 'document', i.invoice_key, greatest(s.unapplied_date, i.invoice_date), s.amount, s.amount_base
    from ({{ applied }}) as s
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = s.invoice_key and i.is_in_ledger
    where s.unapplied_date is not null
    union all
    select 'payment', p.payment_key, p.payment_date, -p.settles_sign * p.amount, -p.settles_sign * p.amount_base
    from ({{ trade_payments() }}) as p
    union all
    select 'payment', e.payment_key, e.explained_from, e.settles_sign * e.amount, e.settles_sign * e.amount_base
    from ({{ explained_cash() }}) as e
    union all
    select
        'payment',
        e.payment_key,
        greatest(e.unapplied_date, e.explained_from),
        -e.settles_sign * e.amount,
        -e.settles_sign * e.amount_base
    from ({{ explained_cash() }}) as e
    where e.unapplied_date is not null
{%- endmacro %}

{#
  What was still open of each document at the end of some days, in its currency and the functional one.

  days       relation with a column `as_of_date`
  direction  receivable or payable
  Grain: as_of_date, invoice. Documents without anything open on the day are left out.
#}
{% macro open_items(days, direction) -%}
    select
        d.as_of_date,
        i.invoice_key,
        i.source_relation,
        i.invoice_id,
        i.invoice_number,
        i.company_id,
        i.document_type,
        i.party_id,
        i.party_entity_key,
        i.invoice_date,
        i.due_date,
        i.currency_code,
        i.status,
        i.gross_amount,
        i.gross_amount_base,
        o.open_amount,
        o.open_amount_base
    from {{ ref('int_finance__open_items') }} as o
    inner join {{ ref('fct_invoices') }} as i on i.invoice_key = o.item_key
    inner join {{ days }} as d on {{ in_force('d.as_of_date', 'o.open_from', 'o.open_to') }}
    where o.item_type = 'document'
        and i.direction = '{{ direction }}'
        and (o.open_amount <> 0 or o.open_amount_base <> 0)
{%- endmacro %}

{#
  Cash of customers (ours at vendors, direction payable) that no document explained at the end of some days; positive
  when it is the party's. Grain: as_of_date, payment.
#}
{% macro unapplied_cash(days, direction) -%}
    select
        d.as_of_date,
        p.payment_key,
        p.source_relation,
        p.payment_id,
        p.company_id,
        p.party_id,
        p.payment_date,
        p.currency_code,
        p.status,
        cast(-o.open_amount as decimal(18, 4)) as unapplied_amount,
        cast(-o.open_amount_base as decimal(18, 4)) as unapplied_amount_base
    from {{ ref('int_finance__open_items') }} as o
    inner join ({{ trade_payments() }}) as p on p.payment_key = o.item_key
    inner join {{ days }} as d on {{ in_force('d.as_of_date', 'o.open_from', 'o.open_to') }}
    where o.item_type = 'payment'
        and p.settles = '{{ direction }}'
        and o.open_amount <> 0
{%- endmacro %}
