{# What came of an order line and what of it was billed, in the order it did. #}

{#
  Receipts of goods for order lines, less what went back; received_before and received_until say which part of the line's
  quantity each one is. One row a movement.
#}
{% macro goods_receipts() -%}
    select
        s.stock_movement_key,
        s.source_relation,
        s.company_id,
        {{ key_of('s', 'source_document_id') }} as purchase_order_line_key,
        s.posting_at,
        s.quantity,
        s.value_base,
        coalesce(sum(s.quantity) over (
            partition by s.source_relation, s.source_document_id
            order by s.posting_at, s.movement_id rows between unbounded preceding and 1 preceding
        ), 0) as received_before,
        sum(s.quantity) over (
            partition by s.source_relation, s.source_document_id order by s.posting_at, s.movement_id
            rows between unbounded preceding and current row
        ) as received_until
    from {{ ref('fct_stock_movements') }} as s
    where s.source_document_type = 'purchase_order_line' and s.movement_type in ('receipt', 'return_out')
{%- endmacro %}

{# Lines of bills for order lines; billed_until is what is billed of the order line with it. One row a line of a bill. #}
{% macro bills_of_orders() -%}
    select
        l.invoice_line_key,
        l.invoice_key,
        l.source_relation,
        l.company_id,
        l.invoice_id,
        l.order_id,
        l.invoice_date,
        {{ key_of('l', 'order_line_id') }} as purchase_order_line_key,
        l.quantity,
        l.unit_price,
        l.net_amount,
        l.currency_code,
        sum(l.quantity) over (
            partition by l.source_relation, l.order_line_id order by l.invoice_date, l.invoice_id, l.line_number
            rows between unbounded preceding and current row
        ) as billed_until
    from {{ ref('fct_invoice_lines') }} as l
    where l.direction = 'payable' and l.is_in_ledger and l.order_line_id is not null
{%- endmacro %}

{# What is billed of each order line. #}
{% macro billed_order_lines() -%}
    select
        b.purchase_order_line_key,
        sum(b.quantity) as billed_qty,
        sum(b.net_amount) as billed_net_amount,
        min(b.invoice_date) as first_billed_on
    from ({{ bills_of_orders() }}) as b
    group by b.purchase_order_line_key
{%- endmacro %}
