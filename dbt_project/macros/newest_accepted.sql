{#
  Base models: the newest accepted version of each key.

  arrivals  versions of this build, older ones that still wait for a parent, and all versions of requalified keys
  admitted  arrivals whose required parents are there; a delete needs none. Looked up once, when they are gathered
  An old version that is admitted late never replaces a newer one: the model's own rows compete with it.
  A deleted key keeps its last known values, flagged is_deleted: they are the model's own.

  Reading a version by anything but its generation costs the whole history, so what is seldom there is asked for first.
#}

{#
  Pre-hook: the arrivals, read once for the model and for what waits after it. In a full build that is every version,
  and they are not copied.
#}
{% macro gather(entity, key, parents) %}
    {%- set versions = ref('base_' ~ entity ~ '__versions') -%}
    create or replace temp {{ 'table' if is_incremental() else 'view' }} {{ entity }}__arrivals as
    select a.*, {{ admitted_condition(parents) }} as is_admitted, false as is_again
    from (
        select v.* from {{ versions }} as v
    {%- if is_incremental() %}
        where v.{{ is_new() }}
        {%- set some = seldom(entity, parents) -%}
        {%- if some.waiting %}
        union all by name
        select v.*
        from {{ versions }} as v
        inner join {{ source('meta', 'waiting') }} as w
            on w.entity = '{{ entity }}' and w.batch_id = v._batch_id and w.row_no = v._row_no
        where v._generation <= {{ published_generation() }}
        {%- endif %}
        {%- if some.requalified %}
        union all by name
        select v.*
        from {{ versions }} as v
        where v.{{ key }} in ({{ requalified(entity) }}) and v._generation <= {{ published_generation() }}
        {%- endif %}
    {%- endif %}
    ) as a
{% endmacro %}

{#
  Pre-hook after gather: a deleted row does not tell how old the values are that it keeps, so all versions of a key that
  was deleted before are looked at again.
#}
{% macro gather_deleted_before(entity, key, parents) %}
    {%- if is_incremental() -%}
    {%- set deleted_before -%}
        select t.{{ key }} from {{ this }} as t
        where t.is_deleted = true and t.{{ key }} in (select a.{{ key }} from {{ entity }}__arrivals as a)
    {%- endset -%}
    {%- if ask('select exists (' ~ deleted_before ~ ')')[0] -%}
    insert into {{ entity }}__arrivals by name
    select a.*, {{ admitted_condition(parents) }} as is_admitted, true as is_again
    from {{ ref('base_' ~ entity ~ '__versions') }} as a
    where a.{{ key }} in ({{ deleted_before }})
    {%- endif -%}
    {%- endif -%}
{% endmacro %}

{# Whether rows of an entity wait, and whether rows of it or of its parents were requalified. #}
{% macro seldom(entity, parents) %}
    {%- set entities = [entity] + parents | map(attribute='table') | list -%}
    {%- set row = ask(
        "select exists (select 1 from " ~ source('meta', 'waiting') ~ " where entity = '" ~ entity ~ "'),"
        ~ " exists (select 1 from " ~ source('meta', 'requalified') ~ " where " ~ is_new('generation')
        ~ " and entity in ('" ~ entities | join("', '") ~ "'))"
    ) -%}
    {%- do return({'waiting': row[0], 'requalified': row[1]}) -%}
{% endmacro %}

{# Keys of an entity whose accepted versions changed for another reason than new rows. #}
{% macro requalified(entity) -%}
    select q.key from {{ source('meta', 'requalified') }} as q
    where q.entity = '{{ entity }}' and {{ is_new('q.generation') }}
{%- endmacro %}

{#
  What leaving rows referred to is remembered for the models that depend on it: <entity>.<column> and the key it named.

  leaving     the rows, called t, as what follows `from`, with a condition
  successor   alias of the row that takes the place of t: only what it does not refer to is remembered
#}
{% macro leave_behind(entity, references, leaving, successor=none) -%}
    insert into {{ source('meta', 'touched') }}
    {%- for column in references %}
    select distinct '{{ entity }}.{{ column }}', {{ key_of('t', column) }}, {{ generation() }}
    from {{ leaving }} and t.{{ column }} is not null
        {%- if successor %} and {{ successor }}.{{ column }} is distinct from t.{{ column }}{% endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#
  Pre-hook in the model's transaction: requalified keys leave the model, and come back from all their versions. Rows
  whose parent left are requalified too: they wait for it again. What the leaving rows referred to is remembered for the
  models that depend on it.

  native      columns of the key in its source
  references  columns that name rows of other tables
#}
{% macro withdraw(entity, key, native, parents, references) %}
    {%- if is_incremental() and seldom(entity, parents).requalified -%}
    {%- for parent in parents %}
    insert into {{ source('meta', 'requalified') }} by name
    select distinct
        '{{ entity }}' as entity,
        t.source_relation,
        {% for column in native %}t.{{ column }}{{ " || '|' || " if not loop.last }}{% endfor %} as native_key,
        t.{{ key }} as key,
        {{ generation() }} as generation
    from {{ this }} as t
    inner join {{ source('meta', 'requalified') }} as q
        on q.entity = '{{ parent.table }}' and {{ is_new('q.generation') }}
        and q.source_relation = t.source_relation and q.native_key = t.{{ parent.column }}
    where not exists (select 1 from {{ ref('base_' ~ parent.table) }} as p where p.{{ parent.table }}_key = q.key);
    {%- endfor %}
    {%- if references %}
    {{ leave_behind(entity, references, this ~ ' as t where t.' ~ key ~ ' in (' ~ requalified(entity) ~ ')') }};
    {%- endif %}
    delete from {{ this }} where {{ key }} in ({{ requalified(entity) }});
    delete from {{ source('meta', 'waiting') }}
    where entity = '{{ entity }}' and key in ({{ requalified(entity) }})
    {%- endif -%}
{% endmacro %}

{% macro parent_is_there(parent) -%}
    (a.source_relation not in ('{{ parent.relations | join("', '") }}')
     or a.{{ parent.column }} is null
     or exists (
        select 1 from {{ ref('base_' ~ parent.table) }} as p
        where p.{{ parent.table }}_key = {{ key_of('a', parent.column) }}
     ))
{%- endmacro %}

{% macro admitted_condition(parents) -%}
    {%- if not parents -%} true
    {%- else -%}
    (a.is_deleted or (
        {%- for parent in parents %}
        {{ parent_is_there(parent) }}{{ ' and' if not loop.last }}
        {%- endfor %}
    ))
    {%- endif -%}
{%- endmacro %}

{% macro newest_accepted(entity, key, derived_relations, columns) %}
with admitted as (
    select a.* exclude (is_again, is_admitted)
    from {{ entity }}__arrivals as a
    where a.is_admitted and not a.is_again
    {%- if is_incremental() and derived_relations %}
    {#- rows computed by joins are all looked at again; only those that came out different count #}
        and not (
            a.source_relation in ('{{ derived_relations | join("', '") }}')
            and exists (
                select 1 from {{ this }} as t
                where t.{{ key }} = a.{{ key }} and t._row_hash = a._row_hash and t.is_deleted = a.is_deleted
                    and t._batch_id = a._batch_id and t._row_no = a._row_no
            )
        )
    {%- endif %}
),

{% if is_incremental() -%}
-- what comes after everything that is here wins unseen; a fix, a released row and one that waited come late
newest_before as (
    select t.source_relation, max(t._batch_seq) as batch_seq
    from {{ this }} as t
    group by t.source_relation
),

{% endif -%}
candidates as (
    select *, is_deleted as is_bare from admitted
    {%- if is_incremental() %}
    union all by name
    select a.* exclude (is_again, is_admitted), a.is_deleted as is_bare
    from {{ entity }}__arrivals as a
    where a.is_admitted and a.is_again and a.{{ key }} in (select {{ key }} from admitted)
    union all by name
    select t.*, false as is_bare
    from {{ this }} as t
    where t.{{ key }} in (
        select a.{{ key }}
        from admitted as a
        left join newest_before as n on n.source_relation = a.source_relation
        where a.is_deleted or a._batch_seq <= n.batch_seq
    )
    {%- endif %}
),

ranked as (
    select
        c.*,
        row_number() over (
            partition by c.{{ key }} order by c._batch_seq desc, c._row_no desc
        ) as newest_rank,
        row_number() over (
            partition by c.{{ key }} order by c.is_deleted, c.is_bare, c._batch_seq desc, c._row_no desc
        ) as live_rank
    from candidates as c
)

select
    newest.source_relation,
    newest.{{ key }},
    {%- for column in columns %}
    live.{{ column }},
    {%- endfor %}
    live.created_at_source,
    live.updated_at_source,
    newest.is_deleted,
    newest._op,
    newest._event_id,
    newest._event_at,
    newest._ingested_at,
    newest._source_file,
    newest._batch_id,
    newest._batch_seq,
    newest._row_no,
    newest._timezone,
    newest._row_hash,
    {{ generation() }} as _generation
from ranked as newest
inner join ranked as live on live.{{ key }} = newest.{{ key }} and live.live_rank = 1
where newest.newest_rank = 1
{% endmacro %}

{# Of the first parent that is missing: its column or table by name, or (no name) the value that finds it. #}
{% macro first_missing(parents, name=none) -%}
    case
        {%- for parent in parents %}
        when not {{ parent_is_there(parent) }} then {{ "'" ~ parent[name] ~ "'" if name else 'a.' ~ parent.column }}
        {%- endfor %}
    end
{%- endmacro %}

{#
  Post-hook in the model's transaction: the arrivals that were not admitted are what waits now. Documents of which a row
  came to wait, or no longer does, are remembered for the models that show a document as a whole.
#}
{% macro keep_waiting(entity, key, parents, document_column=none) %}
    {%- set waits_for -%}
        {%- for parent in parents %}
        case when not {{ parent_is_there(parent) }} then '{{ parent.table }} ' || a.{{ parent.column }} end{{ ',' if not loop.last }}
        {%- endfor %}
    {%- endset %}
    create or replace temp table still_waiting as
    select
        '{{ entity }}' as entity,
        a.source_relation,
        a.{{ key }} as key,
        a._batch_id as batch_id,
        a._row_no as row_no,
        concat_ws(', ', {{ waits_for }}) as waits_for,
        coalesce(w.since_generation, {{ generation() }}) as since_generation,
        {{ ('a.' ~ document_column) if document_column else 'cast(null as varchar)' }} as document_key,
        {{ first_missing(parents, 'column') }} as reference,
        {{ first_missing(parents, 'table') }} as parent,
        {{ first_missing(parents) }} as value,
        a._ingested_at as ingested_at
    from {{ entity }}__arrivals as a
    left join {{ source('meta', 'waiting') }} as w
        on w.entity = '{{ entity }}' and w.batch_id = a._batch_id and w.row_no = a._row_no
    where not a.is_admitted and not a.is_again;
    {%- if document_column and is_incremental() %}
    insert into {{ source('meta', 'touched') }}
    select distinct '{{ entity }}.{{ document_column }}', {{ key_of('w', 'document_key') }}, {{ generation() }}
    from (
        select * from {{ source('meta', 'waiting') }} where entity = '{{ entity }}'
        union all by name
        select * from still_waiting
    ) as w
    group by w.source_relation, w.document_key, w.batch_id, w.row_no
    having count(*) = 1 and w.document_key is not null;
    {%- endif %}
    delete from {{ source('meta', 'waiting') }} where entity = '{{ entity }}';
    insert into {{ source('meta', 'waiting') }} by name select * from still_waiting;
    drop table still_waiting
{% endmacro %}
