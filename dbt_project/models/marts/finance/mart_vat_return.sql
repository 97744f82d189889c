{{ config(materialized='table') }}

-- grain: company, month, direction, tax code: what was charged to customers and what vendors charged us
select
    {{ hashed("t.source_relation || '|' || t.company_id || '|' || cast(date_trunc('month', t.invoice_date) as varchar)
        || '|' || t.direction || '|' || coalesce(t.tax_code, '')") }} as vat_return_key,
    t.source_relation,
    t.company_id,
    c.legal_name as company_name,
    cast(date_trunc('month', t.invoice_date) as date) as month_start,
    t.direction,
    t.tax_code,
    max(t.tax_rate_pct) as tax_rate_pct,
    c.functional_currency as currency_code,
    cast(count(*) as bigint) as document_count,
    cast(sum(t.net_base) as decimal(18, 4)) as net_base,
    cast(sum(t.tax_base) as decimal(18, 4)) as tax_base,
    -- what is owed: tax charged less tax paid
    cast(sum(case when t.direction = 'receivable' then t.tax_base else -t.tax_base end) as decimal(18, 4)) as payable_base
from {{ ref('int_finance__taxed') }} as t
inner join {{ ref('dim_company') }} as c on c.source_relation = t.source_relation and c.company_id = t.company_id
group by
    t.source_relation, t.company_id, c.legal_name, cast(date_trunc('month', t.invoice_date) as date),
    date_trunc('month', t.invoice_date), t.direction, t.tax_code, c.functional_currency
