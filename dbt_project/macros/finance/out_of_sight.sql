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
  What journals that are out are postings of, by what their lines say, or by their lines that are not out. Without an id
  it is not known.
#}
{% macro postings_out() -%}
    select distinct
        q.source_relation,
        {{ json_text('q.told', 'source_document_type') }} as source_document_type,
        {{ json_text('q.told', 'source_document_id') }} as source_document_id
    from {{ source('meta', 'quarantined') }} as q
    where q.entity = 'gl_entry'
    union
    select distinct w.source_relation, e.source_document_type, e.source_document_id
    from {{ source('meta', 'waiting') }} as w
    left join {{ ref('base_gl_entry') }} as e
        on e.source_relation = w.source_relation and e.journal_id = w.document_key
    where w.entity = 'gl_entry'
{%- endmacro %}

{#
  Condition: no row of a table is in quarantine that says in one of its columns that it belongs to this value. Where that
  cannot be read, or a row waits for another parent, nobody knows what it belongs to.

  column, value   column of the table that is out, and what the judged row has there
#}
{% macro nothing_is_out_of(entity, column, source_relation, value) -%}
    {%- do ref('base_' ~ entity) -%}
    ({{ source_relation }}, {{ value }}) not in (
        select (q.source_relation, {{ json_text('q.told', column) }})
        from {{ source('meta', 'quarantined') }} as q
        where q.entity = '{{ entity }}' and {{ json_text('q.told', column) }} is not null
        union all
        select (w.source_relation, w.value)
        from {{ source('meta', 'waiting') }} as w
        where w.entity = '{{ entity }}' and w.reference = '{{ column }}'
    )
    and {{ source_relation }} not in (
        select q.source_relation from {{ source('meta', 'quarantined') }} as q
        where q.source_relation is not null and q.entity = '{{ entity }}' and q.told is null
        union all
        select w.source_relation from {{ source('meta', 'waiting') }} as w
        where w.entity = '{{ entity }}' and w.reference <> '{{ column }}'
    )
{%- endmacro %}
