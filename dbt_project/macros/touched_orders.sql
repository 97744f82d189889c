{# Orders whose fact rows this build wrote, as they are in base; in a full build all. #}
{% macro touched_orders() -%}
    {{ few_rows(
        ref('base_sales_order'),
        't.sales_order_key in (select k.key from ' ~ ref('int_sales__touched_orders') ~ ' as k)'
    ) }}
{%- endmacro %}
