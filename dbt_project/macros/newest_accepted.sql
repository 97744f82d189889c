{#
  Base models: the newest accepted version of each key.

  arrivals  versions of this build, and older ones that still wait for a parent
  admitted  arrivals whose required parents are there; a delete needs none
  An old version that is admitted late never replaces a newer one: the model's own rows compete too.
  A deleted key keeps its last known values, flagged is_deleted.
#}
{% macro arrivals(entity) %}
    select v.*
    from {{ ref('base_' ~ entity ~ '__versions') }} as v
    {%- if is_incremental() %}
    where v.{{ is_new() }}
    union all by name
    select v.*
    from {{ ref('base_' ~ entity ~ '__versions') }} as v
    inner join {{ source('meta', 'waiting') }} as w
        on w.entity = '{{ entity }}' and w.batch_id = v._batch_id and w.row_no = v._row_no
    where v._generation <= {{ published_generation() }}
    {%- endif %}
{% endmacro %}

{% macro parent_is_there(parent) -%}
    (a.source_relation not in ('{{ parent.relations | join("', '") }}')
     or a.{{ parent.column }} is null
     or exists (
        select 1 from {{ ref('base_' ~ parent.table) }} as p
        where p.{{ parent.table }}_key = md5(a.source_relation || '|' || a.{{ parent.column }})
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

{% macro newest_accepted(entity, key, parents, derived_relations, columns) %}
with arrivals as (
    {{ arrivals(entity) }}
),

admitted as (
    select a.*
    from arrivals as a
    where {{ admitted_condition(parents) }}
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

candidates as (
    select * from admitted
    {%- if is_incremental() %}
    union all by name
    select t.*
    from {{ this }} as t
    where t.{{ key }} in (select {{ key }} from admitted)
    {%- endif %}
),

ranked as (
    select
        c.*,
        row_number() over (
            partition by c.{{ key }} order by c._batch_seq desc, c._row_no desc
        ) as newest_rank,
        row_number() over (
            partition by c.{{ key }} order by c.is_deleted, c._batch_seq desc, c._row_no desc
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

{# Post-hook in the model's transaction: the arrivals that were not admitted are what waits now. #}
{% macro keep_waiting(entity, key, parents, derived_relations) %}
    {%- set waits_for -%}
        {%- for parent in parents %}
        case when not {{ parent_is_there(parent) }} then '{{ parent.table }} ' || a.{{ parent.column }} end{{ ',' if not loop.last }}
        {%- endfor %}
    {%- endset %}
    create or replace temp table still_waiting as
    with arrivals as (
        {{ arrivals(entity) }}
    )
    select
        '{{ entity }}' as entity,
        a.source_relation,
        a.{{ key }} as native_key,
        a._batch_id as batch_id,
        a._row_no as row_no,
        concat_ws(', ', {{ waits_for }}) as waits_for,
        coalesce(w.since_generation, {{ generation() }}) as since_generation
    from arrivals as a
    left join {{ source('meta', 'waiting') }} as w
        on w.entity = '{{ entity }}' and w.batch_id = a._batch_id and w.row_no = a._row_no
    where not {{ admitted_condition(parents) }};
    delete from {{ source('meta', 'waiting') }} where entity = '{{ entity }}';
    insert into {{ source('meta', 'waiting') }} by name select * from still_waiting;
    drop table still_waiting
{% endmacro %}
