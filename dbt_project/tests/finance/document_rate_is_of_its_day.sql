{{ config(meta={'locator': {'document': 'invoice', 'column': 'invoice_key'}}) }}

-- a document in a foreign currency is within a tenth of a rate of the week before it: otherwise its rate is turned around, of
-- another unit or of another pair; where no rate is known for that week, nothing can be said
select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.invoice_date,
    i.currency_code,
    i.fx_rate,
    min(r.rate) as lowest_rate,
    max(r.rate) as highest_rate
from {{ ref('fct_invoices') }} as i
inner join {{ ref('dim_company') }} as c
    on c.source_relation = i.source_relation and c.company_id = i.company_id
inner join {{ ref('base_fx_rate') }} as r
    on r.source_relation = i.source_relation
    and r.from_currency = i.currency_code
    and r.to_currency = c.functional_currency
    and r.rate_type = 'spot'
    and r.rate_date between i.invoice_date - interval 7 day and i.invoice_date
where i.currency_code <> c.functional_currency
    and i.document_type <> 'opening_balance'
    and not r.is_deleted
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
group by
    i.invoice_key, i.source_relation, i.invoice_id, i.invoice_date, i.currency_code, i.fx_rate
having i.fx_rate not between min(r.rate) * 0.9 and max(r.rate) * 1.1
