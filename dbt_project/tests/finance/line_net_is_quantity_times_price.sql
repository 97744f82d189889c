{{ config(meta={
    'invariant': {'id': 'I13', 'contracts': ['finance.invoice']},
    'locator': {'document': 'invoice', 'column': 'invoice_key'}
}) }}

-- net of a line is quantity times price less its discount, to the minor unit of its currency: half of it either way is
-- rounding
select
    l.invoice_key,
    l.source_relation,
    l.invoice_id,
    l.invoice_line_id,
    l.quantity,
    l.unit_price,
    l.discount_pct,
    l.net_amount
from {{ ref('fct_invoice_lines') }} as l
where abs(
    l.net_amount * 100
    - {{ times('l.quantity', 'l.unit_price') }} * (100 - coalesce(l.discount_pct, 0))
) > 50 * {{ minor_unit('l.currency_code') }}
    and {{ not_released('invoice', 'l.source_relation', 'l.invoice_id') }}
