{{ config(materialized='table', tags=['always']) }}

-- one row per rule and source table: when it first and last failed, and how often
with days as (
    select
        d.source,
        d.table_name,
        d.gate,
        d.suite,
        d.rule,
        max_by(d.severity, d.judged_on) as severity,
        min(d.first_failed_at) as first_failed_at,
        max(d.last_failed_at) as last_failed_at,
        cast(count(*) as bigint) as failed_days,
        cast(sum(d.failures) as bigint) as failures,
        cast(sum(d.failed_rows) as bigint) as failed_rows,
        cast(sum(d.judged_rows) as bigint) as judged_rows
    from {{ ref('mart_rule_daily') }} as d
    group by d.source, d.table_name, d.gate, d.suite, d.rule
),

-- documents that a rule named, and no row of them
named as (
    select b.document, b.source_relation, b.document_key, b.because
    from {{ source('meta', 'blocked_document') }} as b
    where not exists (
        select 1 from {{ source('meta', 'quarantined') }} as o
        where o.document = b.document and o.source_relation = b.source_relation and o.document_key = b.document_key
            and o.rule = b.because
    )
),

-- the rule that named the document took its rows out
out_now as (
    select
        q.source,
        q.table_name,
        coalesce(n.because, q.rule) as rule,
        cast(count(distinct q.batch_id || '|' || cast(q.row_no as varchar)) as bigint) as quarantined_rows
    from {{ source('meta', 'quarantined') }} as q
    left join named as n
        on n.document = case q.rule when 'document' then q.document end
        and n.source_relation = q.source_relation and n.document_key = q.document_key
    group by q.source, q.table_name, coalesce(n.because, q.rule)
)

select
    {{ hashed("d.source || '|' || d.table_name || '|' || d.gate || '|' || d.suite || '|' || d.rule") }} as rule_key,
    d.source,
    d.table_name,
    d.gate,
    d.suite,
    d.rule,
    d.severity,
    d.first_failed_at,
    d.last_failed_at,
    d.failed_days,
    d.failures,
    d.failed_rows,
    d.judged_rows,
    cast(
        case when d.judged_rows > 0 then cast(d.failed_rows as double) / cast(d.judged_rows as double) end
        as decimal(9, 6)
    ) as failure_rate,
    cast(coalesce(o.quarantined_rows, 0) as bigint) as quarantined_rows
from days as d
left join out_now as o on o.source = d.source and o.table_name = d.table_name and o.rule = d.rule
