{# The letters and digits of a text, in capitals: how a number reads however it is written. #}
{% macro letters_and_digits(column) %}{{ return(adapter.dispatch('letters_and_digits')(column)) }}{% endmacro %}

{% macro duckdb__letters_and_digits(column) %}
    {{- return("regexp_replace(upper(" ~ column ~ "), '[^A-Z0-9]', '', 'g')") -}}
{% endmacro %}

{% macro spark__letters_and_digits(column) %}
    {{- return("regexp_replace(upper(" ~ column ~ "), '[^A-Z0-9]', '')") -}}
{% endmacro %}
