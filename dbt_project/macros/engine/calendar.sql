{# One row per day, first and last included. The engines differ only here. #}
{% macro days(first, last) %}{{ return(adapter.dispatch('days')(first, last)) }}{% endmacro %}

{% macro duckdb__days(first, last) %}
    select cast(d.day as date) as calendar_date
    from (select unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as day) as d
{% endmacro %}

{% macro spark__days(first, last) %}
    select explode(sequence({{ first }}, {{ last }}, interval 1 day)) as calendar_date
{% endmacro %}
