{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='rule_day_key', tags=['always']
) }}

-- one row per rule, source table and UTC day on which the rule failed; a day counts anew while rows of it are judged
with {% if is_incremental() -%}
fresh as (
    select cast(timezone('UTC', j.judged_at) as date) as judged_on
    from {{ source('meta', 'judged') }} as j
    where {{ is_new('j.generation') }}
    union all
    select cast(timezone('UTC', v.judged_at) as date)
    from {{ source('meta', 'verdict') }} as v
    where {{ is_new('v.generation') }}
),

beginning as (
    select timezone('UTC', cast(coalesce(min(f.judged_on), date '9999-01-01') as timestamp)) as first_at
    from fresh as f
),

{% endif -%}
judged as (
    select
        j.source,
        j.table_name,
        j.gate,
        j.suite,
        cast(timezone('UTC', j.judged_at) as date) as judged_on,
        cast(sum(j.judged_rows) as bigint) as judged_rows,
        max(j.generation) as generation
    from {{ source('meta', 'judged') }} as j
    {%- if is_incremental() %}
    where j.judged_at >= (select b.first_at from beginning as b)
    {%- endif %}
    group by j.source, j.table_name, j.gate, j.suite, cast(timezone('UTC', j.judged_at) as date)
),

failed as (
    select
        v.source,
        v.table_name,
        v.gate,
        v.suite,
        v.rule,
        cast(timezone('UTC', v.judged_at) as date) as judged_on,
        max_by(v.severity, v.judged_at) as severity,
        min(v.judged_at) as first_failed_at,
        max(v.judged_at) as last_failed_at,
        cast(count(*) as bigint) as failures,
        cast(count(distinct v.batch_id || '|' || cast(v.row_no as varchar)) as bigint) as failed_rows,
        max(v.generation) as generation
    from {{ source('meta', 'verdict') }} as v
    {%- if is_incremental() %}
    where v.judged_at >= (select b.first_at from beginning as b)
    {%- endif %}
    group by v.source, v.table_name, v.gate, v.suite, v.rule, cast(timezone('UTC', v.judged_at) as date)
)

select
    {{ hashed("f.source || '|' || f.table_name || '|' || f.gate || '|' || f.suite || '|' || f.rule || '|'
        || cast(f.judged_on as varchar)") }} as rule_day_key,
    f.source,
    f.table_name,
    f.gate,
    f.suite,
    f.rule,
    f.severity,
    f.judged_on,
    f.first_failed_at,
    f.last_failed_at,
    f.failures,
    f.failed_rows,
    j.judged_rows,
    cast(
        case when j.judged_rows > 0 then cast(f.failed_rows as double) / cast(j.judged_rows as double) end
        as decimal(9, 6)
    ) as failure_rate,
    {{ generation() }} as _generation
from failed as f
left join judged as j
    on j.source = f.source and j.table_name = f.table_name and j.gate = f.gate and j.suite = f.suite
    and j.judged_on = f.judged_on
{%- if is_incremental() %}
where {{ is_new('greatest(f.generation, coalesce(j.generation, 0))') }}
{%- endif %}
