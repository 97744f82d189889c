{{ config(meta={
    'invariant': {'id': 'I12', 'contracts': ['finance.invoice']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- net and tax of a document are those of its lines, and gross is both together, in its currency and the functional one; a
-- document with a line that waits is not complete
with lines as (
    select l.invoice_key, sum(l.net_amount) as net_amount, sum(l.tax_amount) as tax_amount
    from {{ ref('fct_invoice_lines') }} as l
    group by l.invoice_key
)

select
    i.invoice_key,
    i.source_relation,
    i.invoice_id,
    i.order_id,
    i.net_amount,
    i.tax_amount,
    i.gross_amount,
    l.net_amount as lines_net_amount,
    l.tax_amount as lines_tax_amount
from {{ ref('fct_invoices') }} as i
left join lines as l on l.invoice_key = i.invoice_key
where (
    i.gross_amount <> i.net_amount + i.tax_amount
    or i.gross_amount_base <> i.net_amount_base + i.tax_amount_base
    or (
        i.document_type <> 'opening_balance'
        and (
            i.net_amount <> coalesce(l.net_amount, 0)
            or i.tax_amount <> coalesce(l.tax_amount, 0)
        )
    )
)
    and i.source_relation in ({{ relations_with(['invoice', 'invoice_line']) }})
    and {{ not_released('invoice', 'i.source_relation', 'i.invoice_id') }}
    and {{ is_complete('invoice_line', 'i.source_relation', 'i.invoice_id') }}
