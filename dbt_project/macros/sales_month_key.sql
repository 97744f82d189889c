{# Key of mart_sales_by_month_customer_employee for a row of fct_sales_order_lines. #}
{% macro sales_month_key(alias) -%}
    {{ hashed(
        alias ~ ".source_relation || '|' || cast(date_trunc('month', " ~ alias ~ ".order_date) as varchar) || '|' || "
        ~ alias ~ ".customer_id || '|' || coalesce(" ~ alias ~ ".employee_id, '') || '|' || " ~ alias ~ ".currency_code"
    ) }}
{%- endmacro %}
