{#
  Source instances that map all of these tables: only there can one be compared with the other. A source without a ledger
  has nothing that its invoices could disagree with.
#}
{% macro relations_with(entities) -%}
    select m.source_relation
    from {{ source('meta', 'mapping') }} as m
    where m.entity in ('{{ entities | join("', '") }}')
    group by m.source_relation
    having count(distinct m.entity) = {{ entities | length }}
{%- endmacro %}
