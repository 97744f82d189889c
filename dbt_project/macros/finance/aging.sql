{#
  Ageing of what is open as of some days: documents and cash that no document explains yet, in buckets of days past due.
#}

{#
  The days it is told for: every month end since the first document or journal (ten years at most), each of the last
  35 days, and the day of the build.
#}
{% macro aging_days() -%}
    select d.calendar_date as as_of_date
    from (
        {{ days(
            "(select greatest(min(f.day), " ~ as_of_date() ~ " - interval 10 year) from ("
            ~ "select min(i.invoice_date) as day from " ~ ref('fct_invoices') ~ " as i"
            ~ " union all select min(e.posting_date) from " ~ ref('fct_gl_entries') ~ " as e"
            ~ " union all select " ~ as_of_date() ~ ") as f)",
            as_of_date()
        ) }}
    ) as d
    where d.calendar_date > {{ as_of_date() }} - interval 36 day
        or extract(day from d.calendar_date + interval 1 day) = 1
{%- endmacro %}

{# Bucket of a number of days past due. #}
{% macro aging_bucket(days_past_due) -%}
    case
        when {{ days_past_due }} <= 0 then 'current'
        when {{ days_past_due }} <= 30 then '1-30'
        when {{ days_past_due }} <= 60 then '31-60'
        when {{ days_past_due }} <= 90 then '61-90'
        else '>90'
    end
{%- endmacro %}

{#
  The ageing of one direction, documents and unapplied cash, the latter negative and in a bucket of its own.
  party: customer or vendor
#}
{% macro aging(direction, party) -%}
with days as materialized (
    {{ aging_days() }}
),

open_documents as (
    {{ open_items('days', direction) }}
),

cash as (
    {{ unapplied_cash('days', direction) }}
),

items as (
    select
        {{ hashed("cast(i.invoice_key as varchar) || cast(i.as_of_date as varchar)") }} as item_key,
        i.source_relation,
        i.company_id,
        i.party_id,
        i.as_of_date,
        i.document_type as item_type,
        i.invoice_id,
        i.invoice_number,
        cast(null as varchar) as payment_id,
        i.invoice_date as item_date,
        i.due_date,
        i.as_of_date - i.due_date as days_past_due,
        {{ aging_bucket('i.as_of_date - i.due_date') }} as bucket,
        i.currency_code,
        i.open_amount,
        i.open_amount_base,
        i.status
    from open_documents as i

    union all

    select
        {{ hashed("cast(c.payment_key as varchar) || cast(c.as_of_date as varchar)") }},
        c.source_relation,
        c.company_id,
        c.party_id,
        c.as_of_date,
        'unapplied_cash',
        null,
        null,
        c.payment_id,
        c.payment_date,
        null,
        null,
        'unapplied',
        c.currency_code,
        -c.unapplied_amount,
        -c.unapplied_amount_base,
        c.status
    from cash as c
)

select
    i.item_key as {{ 'ar' if direction == 'receivable' else 'ap' }}_aging_key,
    i.source_relation,
    i.company_id,
    i.party_id as {{ party }}_id,
    {{ key_of('i', 'party_id') }} as {{ party }}_entity_key,
    i.as_of_date,
    i.item_type,
    i.invoice_id,
    i.invoice_number,
    i.payment_id,
    i.item_date,
    i.due_date,
    cast(i.days_past_due as integer) as days_past_due,
    i.bucket,
    i.currency_code,
    cast(i.open_amount as decimal(18, 4)) as open_amount,
    c.functional_currency as functional_currency_code,
    cast(i.open_amount_base as decimal(18, 4)) as open_amount_base,
    i.status
from items as i
left join {{ ref('dim_company') }} as c on c.source_relation = i.source_relation and c.company_id = i.company_id
{%- endmacro %}
