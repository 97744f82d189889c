{#
  Which rows of a fact this build writes anew, as the SELECT of a view: rows of its base model that were written, or that
  came to be in or out. Views cannot carry the build's variables, so they ask which build readers see.
#}
{% macro touched_rows(entity) -%}
select b.{{ entity }}_key as key
from {{ ref('base_' ~ entity) }} as b
where b._generation > (select p.published_generation from {{ ref('int_build') }} as p)

union

select q.key
from {{ source('meta', 'requalified') }} as q
where q.entity = '{{ entity }}' and q.generation > (select p.published_generation from {{ ref('int_build') }} as p)
{%- endmacro %}

{#
  The same for the rows of a document: all of them when the document, or any of its rows, was written or left.

  entity     table of the document, such as invoice
  rows       table of its rows, such as invoice_line
  reference  column of the rows that names the document, such as invoice_id
#}
{% macro touched_documents(entity, rows, reference) -%}
{{ touched_rows(entity) }}

union

select r.{{ entity }}_key as key
from {{ ref('base_' ~ rows) }} as r
where r._generation > (select p.published_generation from {{ ref('int_build') }} as p)

union

-- a row that left for another document, or for good
select t.key
from {{ source('meta', 'touched') }} as t
where
    t.model = '{{ rows }}.{{ reference }}'
    and t.generation > (select p.published_generation from {{ ref('int_build') }} as p)
{%- endmacro %}

{#
  Rows of a base model a fact is written from: the touched ones, in a full build all. Deleted ones are among them.

  key  column of the base model that the touched relation's `key` is compared with; the row's own key when none
#}
{% macro rows_to_write(entity, touched, key=none) -%}
    {%- if is_incremental() -%}
    {{ few_rows(
        ref('base_' ~ entity), 't.' ~ (key or entity ~ '_key') ~ ' in (select k.key from ' ~ ref(touched) ~ ' as k)'
    ) }}
    {%- else -%}
    select b.* from {{ ref('base_' ~ entity) }} as b
    {%- endif -%}
{%- endmacro %}
