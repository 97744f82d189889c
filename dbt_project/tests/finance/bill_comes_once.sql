{{ config(meta={'locator': {'document': 'invoice', 'column': 'invoice_key'}}) }}

-- a vendor's bill is entered once, however its number is written: of bills with the same letters and digits in their number,
-- the same amount and currency, those after the first
with bills as (
    select
        i.*,
        row_number() over (
            partition by i.source_relation, i.company_id, i.party_id, {{ letters_and_digits('i.invoice_number') }},
                i.gross_amount, i.currency_code
            order by coalesce(i.received_at, cast(i.invoice_date as timestamptz)), i.invoice_date, i.invoice_id
        ) as entered
    from {{ ref('fct_invoices') }} as i
    where i.direction = 'payable' and i.is_in_ledger and i.duplicate_of_invoice_id is null
)

select
    b.invoice_key,
    b.source_relation,
    b.invoice_id,
    b.order_id,
    b.invoice_number,
    b.party_id,
    b.gross_amount,
    b.currency_code
from bills as b
where b.entered > 1
    and {{ not_released('invoice', 'b.source_relation', 'b.invoice_id') }}
