{#
  What was still open of each document at the end of some days, in the currency of the document and in the functional
  one. A document is open from its date on; what is applied to it counts from the day it was applied until the day the
  application was undone; what is applied of a credit note is no longer open on the note. Applications are at the rate of
  the document, so that the sum is the control account.

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
        cast(i.gross_amount - coalesce(a.applied, 0) as decimal(18, 4)) as open_amount,
        cast(i.gross_amount_base - coalesce(a.applied_base, 0) as decimal(18, 4)) as open_amount_base
    from {{ ref('fct_invoices') }} as i
    inner join {{ days }} as d on d.as_of_date >= i.invoice_date
    left join (
        {{ applied_until(days) }}
    ) as a on a.invoice_key = i.invoice_key and a.as_of_date = d.as_of_date
    where i.direction = '{{ direction }}'
        and i.is_in_ledger
        and (i.gross_amount <> coalesce(a.applied, 0) or i.gross_amount_base <> coalesce(a.applied_base, 0))
{%- endmacro %}

{# What was applied to each document up to the end of some days; on a credit note what was used of it, negative. #}
{% macro applied_until(days) -%}
    select
        d.as_of_date,
        s.invoice_key,
        sum(s.amount) as applied,
        sum(s.amount_base) as applied_base
    from (
        select p.invoice_key, p.applied_date, p.unapplied_date, p.amount_applied as amount, p.amount_applied_base as amount_base
        from {{ ref('fct_payment_allocations') }} as p
        union all
        select p.credit_note_key, p.applied_date, p.unapplied_date, -p.amount_applied, -p.amount_applied_base
        from {{ ref('fct_payment_allocations') }} as p
        where p.credit_note_id is not null
    ) as s
    inner join {{ days }} as d
        on {{ in_force('d.as_of_date', 's.applied_date', 's.unapplied_date') }}
    group by d.as_of_date, s.invoice_key
{%- endmacro %}
