{{ config(materialized='table') }}

with calendar as (
    {{ days("cast('1990-01-01' as date)", "cast('2049-12-31' as date)") }}
)

select
    c.calendar_date as date_day,
    cast(extract(year from c.calendar_date) as integer) as year_number,
    cast(extract(quarter from c.calendar_date) as integer) as quarter_number,
    cast(extract(month from c.calendar_date) as integer) as month_number,
    cast(extract(day from c.calendar_date) as integer) as day_of_month,
    cast(extract(isodow from c.calendar_date) as integer) as iso_day_of_week,
    cast(extract(week from c.calendar_date) as integer) as iso_week,
    cast(date_trunc('month', c.calendar_date) as date) as month_start,
    cast(date_trunc('quarter', c.calendar_date) as date) as quarter_start,
    cast(date_trunc('year', c.calendar_date) as date) as year_start,
    extract(isodow from c.calendar_date) >= 6 as is_weekend
from calendar as c
