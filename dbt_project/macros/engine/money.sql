{#
  Product of two decimals. DuckDB keeps that of two numbers of up to 18 digits in 18 digits, so that a hundred million at a
  price with six decimals would end the build; one wider factor widens the product.
#}
{% macro times(a, b) %}{{ return(adapter.dispatch('times')(a, b)) }}{% endmacro %}

{% macro default__times(a, b) %}{{ return('(' ~ a ~ ' * ' ~ b ~ ')') }}{% endmacro %}

{% macro duckdb__times(a, b) %}{{ return('(cast(' ~ a ~ ' as decimal(38, 4)) * ' ~ b ~ ')') }}{% endmacro %}

{# An amount at a rate, in cents of the other currency. #}
{% macro at_rate(amount, rate) -%} round({{ times(amount, rate) }}, 2) {%- endmacro %}
