{#
  Condition: no row of the document waits for a parent; what is not complete is not judged yet.

  entity  table of the document's rows. The test must read its base model, so that it runs after what waits is known; the
          list itself is no model: it would have every test run with every table
#}
{% macro is_complete(entity, source_relation, document_key) -%}
    not exists (
        select 1 from {{ source('meta', 'waiting') }} as w
        where w.entity = '{{ entity }}' and w.source_relation = {{ source_relation }}
            and w.document_key = {{ document_key }}
    )
{%- endmacro %}
