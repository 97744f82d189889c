{{ config(materialized='table') }}

-- documents by tax code in the functional currency. The lines are in the document's currency and its header in both: each
-- code takes its part at the document's rate, the code with the largest part what rounding leaves, so that the parts add
-- up to the header. Grain: document, tax code.
with lines as (
    select
        l.invoice_key,
        l.tax_code,
        max(l.tax_rate_pct) as tax_rate_pct,
        sum(l.net_amount) as net_amount,
        sum(l.tax_amount) as tax_amount
    from {{ ref('fct_invoice_lines') }} as l
    where l.is_in_ledger
    group by l.invoice_key, l.tax_code
),

documents as (
    select
        i.invoice_key,
        i.source_relation,
        i.company_id,
        i.direction,
        i.invoice_date,
        i.net_amount_base as header_net_base,
        i.tax_amount_base as header_tax_base,
        l.tax_code,
        l.tax_rate_pct,
        coalesce({{ at_rate('l.net_amount', 'i.fx_rate') }}, i.net_amount_base) as net_base,
        coalesce({{ at_rate('l.tax_amount', 'i.fx_rate') }}, i.tax_amount_base) as tax_base,
        row_number() over (
            partition by i.invoice_key order by abs(l.tax_amount) desc, abs(l.net_amount) desc, l.tax_code asc
        ) as size_rank
    from {{ ref('fct_invoices') }} as i
    left join lines as l on l.invoice_key = i.invoice_key
    where i.is_in_ledger and i.tax_amount_base is not null
)

select
    d.invoice_key,
    d.source_relation,
    d.company_id,
    d.direction,
    d.invoice_date,
    d.tax_code,
    d.tax_rate_pct,
    cast(d.net_base + case when d.size_rank = 1
        then d.header_net_base - sum(d.net_base) over (partition by d.invoice_key) else 0 end as decimal(18, 4)) as net_base,
    cast(d.tax_base + case when d.size_rank = 1
        then d.header_tax_base - sum(d.tax_base) over (partition by d.invoice_key) else 0 end as decimal(18, 4)) as tax_base
from documents as d
