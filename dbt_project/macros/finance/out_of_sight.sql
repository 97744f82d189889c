{#
  Rows that are quarantined or wait are not in the facts. A rule that compares two tables passes over what has its other
  half out there: it is told once, by the rule that put it there.
#}

{# Keys of rows of one of these tables that are out, as the SELECT of a column `key`. #}
{% macro keys_out(entities) -%}
    {%- set names = entities | join("', '") -%}
    select {{ hashed("q.source_relation || '|' || q.key") }} as key
    from {{ source('meta', 'quarantined') }} as q
    where q.entity in ('{{ names }}') and q.key is not null
    union
    select w.key from {{ source('meta', 'waiting') }} as w where w.entity in ('{{ names }}')
{%- endmacro %}

{#
  What journals that are out are postings of, by what the rule that named them told (source_document_type and
  source_document_id among its rows), or by their lines that are not out. Without an id it is not known.
#}
{% macro postings_out() -%}
    select distinct
        b.source_relation,
        {{ json_text('v.row_json', 'source_document_type') }} as source_document_type,
        {{ json_text('v.row_json', 'source_document_id') }} as source_document_id
    from {{ source('meta', 'blocked_document') }} as b
    left join {{ source('meta', 'verdict') }} as v
        on v.document = b.document and v.source_relation = b.source_relation and v.document_key = b.document_key
        and v.gate = 'mart'
    where b.document = 'journal'
    union
    select distinct w.source_relation, e.source_document_type, e.source_document_id
    from {{ source('meta', 'waiting') }} as w
    left join {{ ref('base_gl_entry') }} as e
        on e.source_relation = w.source_relation and e.journal_id = w.document_key
    where w.entity = 'gl_entry'
{%- endmacro %}
