{{ config(meta={'locator': {'entity': 'payment'}}) }}

-- payments to a vendor with the same reference and amount may be instalments; together beyond the document they name, the
-- later ones pay it twice
with payments as (
    select
        p.*,
        row_number() over (
            partition by p.source_relation, p.company_id, p.party_id, p.reference, p.currency_code, p.amount
            order by p.payment_date, p.payment_id
        ) as paid_times
    from {{ ref('base_payment') }} as p
    where not p.is_deleted
        and p.party_type = 'vendor' and p.direction = 'outbound'
        and p.reference is not null
        and p.status not in ('failed', 'reversed')
),

billed as (
    select
        i.source_relation, i.company_id, i.party_id, i.invoice_number, i.currency_code,
        sum(i.gross_amount) as gross_amount
    from {{ ref('fct_invoices') }} as i
    where i.direction = 'payable' and i.is_in_ledger
    group by i.source_relation, i.company_id, i.party_id, i.invoice_number, i.currency_code
)

select
    p.payment_key,
    p.source_relation,
    p.payment_id,
    p.reference,
    p.amount,
    b.gross_amount,
    'vendor_is_paid_once' as rule,
    'reference' as column_name,
    p.reference as value,
    p._batch_id,
    p._row_no
from payments as p
inner join billed as b
    on b.source_relation = p.source_relation and b.company_id = p.company_id and b.party_id = p.party_id
    and b.invoice_number = p.reference and b.currency_code = p.currency_code
where p.paid_times > 1
    and p.amount * p.paid_times > b.gross_amount
    and {{ not_released_row('p') }}
