{#
  History of an entity from all its accepted versions: one row for each stretch in which the `tracked` columns kept their
  values. The first stretch reaches back to the beginning of time, because what happened before we first saw the entity
  is described best by its first known state. Rebuilt from the versions each time, so that a missed or repeated run can
  neither lose nor invent history.

  keys     relation with a column `key`: entities to rebuild; all when none
  The macro gives the CTEs up to `history`. Its columns: <entity>_key, valid_from, valid_to, is_deleted, tracked columns, changed_columns, _known_generation (build in which the
  version that opens the stretch was loaded).
#}
{% macro beginning_of_time() -%} cast('1900-01-01 00:00:00+00' as timestamptz) {%- endmacro %}

{% macro history(entity, tracked, keys=none) %}
{%- set key = entity ~ '_key' -%}
{%- set in_order = 'partition by ' ~ key ~ ' order by _batch_seq, _row_no' -%}
ordered as (
    select
        {{ key }},
        _batch_seq,
        _row_no,
        _generation,
        is_deleted,
        {%- for column in tracked %}
        {{ column }},
        {%- endfor %}
        -- a version never starts before the one it follows, whatever clock its file carries
        max(_event_at) over ({{ in_order }}) as starts_at
    from {{ ref('base_' ~ entity ~ '__versions') }}
    {%- if keys %}
    where {{ key }} in (select key from {{ keys }})
    {%- endif %}
),

-- a delete of what was never accepted says nothing; any other holds its key only, so what was true stays described by
-- the last version before it that lived
lived as (
    select
        {{ key }},
        _batch_seq,
        _row_no,
        _generation,
        is_deleted,
        {%- for column in tracked %}
        first_value({{ column }}) over (
            partition by {{ key }}, live_so_far order by _batch_seq, _row_no
        ) as {{ column }},
        {%- endfor %}
        starts_at
    from (
        select
            *,
            sum(case when is_deleted then 0 else 1 end) over ({{ in_order }}) as live_so_far
        from ordered
    ) as counted
    where live_so_far > 0
),

-- of versions that start at one instant (a transaction may write a row twice) the last one counts
versions as (
    select *
    from (
        select
            *,
            row_number() over (partition by {{ key }}, starts_at order by _batch_seq desc, _row_no desc) as from_last
        from lived
    ) as ranked
    where from_last = 1
),

numbered as (
    select
        *,
        row_number() over ({{ in_order }}) as version_no
    from versions
),

compared as (
    select
        *,
        concat_ws(
            ', ',
            {%- for column in tracked %}
            case when {{ column }} is distinct from lag({{ column }}) over ({{ in_order }}) then '{{ column }}' end,
            {%- endfor %}
            case when is_deleted is distinct from lag(is_deleted) over ({{ in_order }}) then 'is_deleted' end
        ) as changes
    from numbered
),

history as (
    select
        {{ key }},
        case when version_no = 1 then {{ beginning_of_time() }} else starts_at end as valid_from,
        lead(starts_at) over ({{ in_order }}) as valid_to,
        is_deleted,
        {%- for column in tracked %}
        {{ column }},
        {%- endfor %}
        case when version_no > 1 then changes end as changed_columns,
        _generation as _known_generation
    from compared
    where version_no = 1 or changes <> ''
)
{%- endmacro %}
