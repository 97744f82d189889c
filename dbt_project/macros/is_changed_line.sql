{# Condition on fct_sales_order_lines: the line changed in this build. One that moved leaves the order it was in. #}
{% macro is_changed_line() -%}
    order_line_key in (
        select l.sales_order_line_key from {{ ref('base_sales_order_line') }} as l where {{ is_new('l._generation') }}
    )
{%- endmacro %}
