{# Months up to the build's day, each by its last day, the running one by the build's: columns month_start, as_of_date. #}
{% macro months_to_date(first) -%}
    select
        cast(date_trunc('month', d.calendar_date) as date) as month_start,
        d.calendar_date as as_of_date
    from ({{ days(first, as_of_date()) }}) as d
    where d.calendar_date = {{ as_of_date() }} or extract(day from d.calendar_date + interval 1 day) = 1
{%- endmacro %}

{# The first day of the month a date is in. #}
{% macro month_of(day) -%} cast(date_trunc('month', {{ day }}) as date) {%- endmacro %}
