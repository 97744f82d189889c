{#
  Rows of a ledger are added and never changed; a correction is another row. What a row said stays: a value it left open
  may be filled in and its status may go on, anything else is altered, and so is a row that is deleted.

  Pre-hook after the arrivals were gathered: versions that alter what the version before them said are remembered until
  their build is published, for the test that names them. A build that is done twice finds the altered row in the model.

  A delete counts that the source sent. Rows that a full reading misses, or that went with a truncated table, are deletes
  made here: no row of the source says so that could be quarantined.

  reads   [dbt source, table] of the raw tables the entity is made of
#}
{% macro note_altered(entity, key, columns, reads) %}
    {%- set in_order = 'partition by v.' ~ key ~ ' order by v._batch_seq, v._row_no' -%}
    {%- set arrivals = entity ~ '__arrivals' -%}
    insert into {{ source('meta', 'altered') }}
    with versions as (
        select a.* exclude (is_again, is_admitted)
        from {{ arrivals }} as a
        where a.is_admitted
    {%- if is_incremental() %}
        union all by name
        select t.*
        from {{ this }} as t
        where {{ is_one_of_few(this, 't.' ~ key ~ ' in (select a.' ~ key ~ ' from ' ~ arrivals ~ ' as a)') }}
            and (t._batch_id, t._row_no) not in (select (a._batch_id, a._row_no) from {{ arrivals }} as a)
    {%- else %}
            and a.{{ key }} in (select b.{{ key }} from {{ arrivals }} as b group by b.{{ key }} having count(*) > 1)
    {%- endif %}
    ),

    followed as (
        select
            v.*,
            {%- for column in columns %}
            lag(v.{{ column }}) over ({{ in_order }}) as before_{{ column }},
            {%- endfor %}
            lag(v.is_deleted) over ({{ in_order }}) as before_is_deleted
        from versions as v
    ),

    compared as (
        select
            f._batch_id,
            f._row_no,
            case
                when f.is_deleted and f.before_is_deleted then ''
                when f.is_deleted then 'is_deleted'
                else concat_ws(
                    ', '
                    {%- for column in columns %},
                    case when f.before_{{ column }} is not null and f.{{ column }} is distinct from f.before_{{ column }}
                        then '{{ column }}' end
                    {%- endfor %}
                )
            end as altered
        from followed as f
        where f.before_is_deleted is not null
    )

    select '{{ entity }}', c._batch_id, c._row_no, c.altered, {{ generation() }}
    from compared as c
    where c.altered <> ''
    {%- for read in reads %}
        and not (c.altered = 'is_deleted' and (c._batch_id, c._row_no) in (
            select (r._batch_id, r._row_no) from {{ source(read[0], read[1]) }} as r where r._derived = true
        ))
    {%- endfor %}
{% endmacro %}
