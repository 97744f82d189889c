{#
  Rows of audit_source_totals.

  totals  list of {source, source_relation, total, accepted, of_files, ours, theirs}; ours and theirs are queries

  Columns of text and dates say which row it is, numbers are its figures. Rows of a database are summed up once a day:
  all of them, which a cycle is not to cost. Those of files also when some of them came anew.
#}
{% macro source_totals(totals) %}
    {%- for total in totals if execute %}
    {%- if is_first_of_the_day() or (total.of_files and came_anew(total.source, total.source_relation)) %}
    {{ total_figures(total) }}
    union all
    {%- endif %}
    {%- endfor %}
    select
        cast(null as uuid) as source_total_key,
        cast(null as varchar) as source,
        cast(null as varchar) as source_relation,
        cast(null as varchar) as total,
        cast(null as varchar) as row_label,
        cast(null as integer) as row_place,
        cast(null as integer) as figure_position,
        cast(null as varchar) as figure,
        cast(null as decimal(38, 6)) as source_value,
        cast(null as decimal(38, 6)) as our_value,
        cast(null as decimal(38, 6)) as difference,
        cast(null as boolean) as ties,
        cast(null as bigint) as rows_out,
        cast(null as varchar) as accepted,
        {{ as_of() }} as as_of
    where false
{% endmacro %}

{#
  Pre-hook: what is compared anew leaves.

  files  [source, source_relation] of those that read files
#}
{% macro forget_totals(files) -%}
    {%- if is_incremental() and is_first_of_the_day() -%}
    delete from {{ this }}
    {%- elif is_incremental() -%}
    {%- set due = [] -%}
    {%- for name, relation in files if came_anew(name, relation) -%}{%- do due.append(name) -%}{%- endfor -%}
    {%- if due -%} delete from {{ this }} where source in ('{{ due | join("', '") }}') {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Whether no build of this day was published, or everything is built. #}
{% macro is_first_of_the_day() -%}
    {%- do return(flags.FULL_REFRESH or var('published_generation') == 0 or var('as_of')[:10] > var('published_as_of')[:10]) -%}
{%- endmacro %}

{# Whether rows of the source landed for this build, or rows of its instance came to be in or out. #}
{% macro came_anew(name, relation) -%}
    {%- do return(ask(
        "select exists (select 1 from " ~ source('meta', 'batch_table') ~ " as b where b.source = '" ~ name ~ "' and "
        ~ is_new('b.generation') ~ ") or exists (select 1 from " ~ source('meta', 'requalified')
        ~ " as q where q.source_relation = '" ~ relation ~ "' and " ~ is_new('q.generation') ~ ")"
    )[0]) -%}
{%- endmacro %}

{% macro quoted(text) -%} '{{ text | replace("'", "''") }}' {%- endmacro %}

{# Figures of one total: both sides row by row, whichever has it. #}
{% macro total_figures(total) %}
    {%- set columns = adapter.get_column_schema_from_query(total.ours) %}
    {%- set figures = figure_positions(total, columns) %}
    select
        {{ hashed(
            quoted(total.source ~ '|' ~ total.total ~ '|')
            ~ " || both_sides.row_label || '|' || cast(both_sides.row_place as varchar) || '|'"
            ~ " || cast(f.figure_position as varchar)"
        ) }} as source_total_key,
        {{ quoted(total.source) }} as source,
        {{ quoted(total.source_relation) }} as source_relation,
        {{ quoted(total.total) }} as total,
        both_sides.row_label,
        both_sides.row_place,
        f.figure_position,
        f.figure,
        f.source_value,
        f.our_value,
        cast(coalesce(f.our_value, 0) - coalesce(f.source_value, 0) as decimal(38, 6)) as difference,
        f.source_value is not distinct from f.our_value and both_sides.is_there as ties,
        (
            select count(*) from (
                select q.batch_id, q.row_no from {{ source('meta', 'quarantined') }} as q where q.source = {{ quoted(total.source) }}
                union
                select w.batch_id, w.row_no
                from {{ source('meta', 'waiting') }} as w
                inner join {{ source('meta', 'batch_table') }} as b on b.batch_id = w.batch_id
                where b.source = {{ quoted(total.source) }}
            ) as away
        ) as rows_out,
        {{ quoted(total.accepted) }} as accepted,
        {{ as_of() }} as as_of
    from (
        select
            coalesce(o.row_label, t.row_label) as row_label,
            coalesce(o.row_place, t.row_place) as row_place,
            o.row_label is not null and t.row_label is not null as is_there,
            {%- for position in figures %}
            o.c{{ position }} as our_{{ position }},
            t.c{{ position }} as source_{{ position }}{{ ',' if not loop.last }}
            {%- endfor %}
        from ({{ labelled(total.ours, columns) }}) as o
        full outer join ({{ labelled(total.theirs, columns) }}) as t
            on t.row_label = o.row_label and t.row_place = o.row_place
    ) as both_sides
    cross join lateral (
        {%- for position in figures %}
        select
            {{ position }} as figure_position,
            {{ quoted(columns[position - 1].name) }} as figure,
            both_sides.source_{{ position }} as source_value,
            both_sides.our_{{ position }} as our_value
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as f
{% endmacro %}

{# Rows of a query with row_label, row_place and its figures by position: c1, c2 … #}
{% macro labelled(query, columns) -%}
    {%- set texts = [] -%}
    select
        l.*,
        cast(row_number() over (partition by l.row_label order by l.place) as integer) as row_place
    from (
        select
            row_number() over () as place,
            {%- for column in columns %}
            {%- if is_figure(column) %}
            cast(q.c{{ loop.index }} as decimal(38, 6)) as c{{ loop.index }},
            {%- else %}
            {%- do texts.append('cast(q.c' ~ loop.index ~ ' as varchar)') %}
            {%- endif %}
            {%- endfor %}
            {{ "concat_ws(', ', " ~ texts | join(', ') ~ ')' if texts else "''" }} as row_label
        from ({{ query }}) as q({% for column in columns %}c{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %})
    ) as l
{%- endmacro %}

{% macro is_figure(column) -%}
    {%- set kind = column.dtype | upper -%}
    {%- do return(kind.startswith('DECIMAL') or kind.endswith('INT') or kind in ('INTEGER', 'UINTEGER', 'DOUBLE', 'FLOAT')) -%}
{%- endmacro %}

{# Positions of the figures; says which total of which source cannot be compared. #}
{% macro figure_positions(total, columns) -%}
    {%- set theirs = adapter.get_column_schema_from_query(total.theirs) -%}
    {%- if theirs | length != columns | length -%}
    {%- do exceptions.raise_compiler_error(
        'reconcile of source ' ~ total.source ~ ', "' ~ total.total ~ '": canonical gives ' ~ columns | length
        ~ ' columns and equals ' ~ theirs | length
    ) -%}
    {%- endif -%}
    {%- set found = [] -%}
    {%- for column in columns -%}{%- if is_figure(column) -%}{%- do found.append(loop.index) -%}{%- endif -%}{%- endfor -%}
    {%- if not found -%}
    {%- do exceptions.raise_compiler_error(
        'reconcile of source ' ~ total.source ~ ', "' ~ total.total ~ '": there is no number to compare'
    ) -%}
    {%- endif -%}
    {%- do return(found) -%}
{%- endmacro %}
