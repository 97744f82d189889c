{#
  Condition: an instant (or day) lies in a stretch that reaches from `start` up to `stop`, an open one for ever.

  Written with comparisons only: of a join on `stop is null or at < stop` DuckDB compares every row with every row.
#}
{% macro in_force(at, start, stop) -%}
    {{ at }} >= {{ start }} and {{ at }} < coalesce({{ stop }}, cast('9999-12-31' as date))
{%- endmacro %}
