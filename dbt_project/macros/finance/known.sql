{#
  What was open as it was known at an instant: every version of documents, payments and applications counts from when the
  platform received it until it received another one.
#}

{# An instant and a day after everything. #}
{% macro end_of_time() -%} cast('9999-12-31 00:00:00+00' as timestamptz) {%- endmacro %}

{# Pre-hook: versions that this build reads again leave. #}
{% macro forget_versions(entities) %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where {{ is_new() }}
        or key in (
            select q.key from {{ source('meta', 'requalified') }} as q
            where q.entity in ('{{ entities | join("', '") }}') and {{ is_new('q.generation') }}
        )
    {%- endif -%}
{% endmacro %}

{# Versions of an entity to keep: those of this build, and all of keys whose accepted versions changed. #}
{% macro versions_to_keep(entity, columns) -%}
    {%- set key = entity ~ '_key' -%}
    select
        '{{ entity }}' as entity,
        v.{{ key }} as key,
        v.source_relation,
        v.is_deleted,
        {%- for name, expression in columns.items() %}
        {{ expression }} as {{ name }},
        {%- endfor %}
        v._batch_id,
        v._batch_seq,
        v._row_no,
        v._row_hash,
        v._ingested_at,
        v._generation
    from {{ ref('base_' ~ entity ~ '__versions') }} as v
    {%- if is_incremental() %}
    where {{ is_new('v._generation') }}
        {%- if seldom(entity, []).requalified %}
        or v.{{ key }} in ({{ requalified(entity) }})
        {%- endif %}
    {%- endif %}
{%- endmacro %}

{#
  CTEs `invoices`, `payments` and `applications`: versions in force, each known_from when it came until known_to, and not
  those that were never the newest, are of deleted rows or wait. A version that only repeats the one before is none.
#}
{% macro known_versions() -%}
told as (
    select
        v.*,
        lag(v._row_hash) over (partition by v.entity, v.key order by v._batch_seq, v._row_no) as hash_before,
        lag(v.is_deleted) over (partition by v.entity, v.key order by v._batch_seq, v._row_no) as is_deleted_before
    from {{ ref('int_finance__versions') }} as v
    where not exists (
        select 1 from {{ source('meta', 'waiting') }} as w
        where w.entity = v.entity and w.batch_id = v._batch_id and w.row_no = v._row_no
    )
),

followed as (
    select
        t.*,
        t._ingested_at as known_from,
        coalesce(min(t._ingested_at) over (
            partition by t.entity, t.key order by t._batch_seq, t._row_no
            rows between 1 following and unbounded following
        ), {{ end_of_time() }}) as known_to
    from told as t
    where t._row_hash is distinct from t.hash_before or t.is_deleted is distinct from t.is_deleted_before
),

known as materialized (
    select f.* from followed as f where f.known_from < f.known_to and not f.is_deleted
),

invoices as (
    select k.* from known as k where k.entity = 'invoice' and k.status not in ('draft', 'void')
),

payments as (
    select
        k.*,
        case k.party_type when 'customer' then 'receivable' else 'payable' end as settles,
        case when (k.party_type = 'customer') = (k.direction = 'inbound') then 1 else -1 end as settles_sign
    from known as k
    where k.entity = 'payment' and k.party_type in ('customer', 'vendor') and k.status not in ('failed', 'reversed')
        and k.source_relation in ({{ relations_with(['invoice', 'payment', 'payment_allocation']) }})
),

applications as (
    select k.* from known as k where k.entity = 'payment_allocation'
)
{%- endmacro %}

{# Columns known_from and known_to of what is known while both of two versions are. #}
{% macro known_both(a, b) -%}
    greatest({{ a }}.known_from, {{ b }}.known_from) as known_from,
        least({{ a }}.known_to, {{ b }}.known_to) as known_to
{%- endmacro %}

{% macro are_known_together(a, b) -%}
    {{ a }}.known_from < {{ b }}.known_to and {{ b }}.known_from < {{ a }}.known_to
{%- endmacro %}
