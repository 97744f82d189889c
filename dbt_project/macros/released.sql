{# What a person released is not judged again by the rule they released it from. #}

{# Condition: the row itself was not released. #}
{% macro not_released_row(row) -%}
    not exists (
        select 1 from {{ source('meta', 'released') }} as q
        where q.batch_id = {{ row }}._batch_id and q.row_no = {{ row }}._row_no
    )
{%- endmacro %}

{# Condition: the document was not released from this test since its last row landed. #}
{% macro not_released(document, source_relation, document_key) -%}
    not exists (
        select 1 from {{ source('meta', 'released') }} as q
        where q.document = '{{ document }}' and q.rule = '{{ model.name }}'
            and q.source_relation = {{ source_relation }} and q.document_key = {{ document_key }}
    )
{%- endmacro %}
