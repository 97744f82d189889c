{{ config(meta={'locator': {'entity': 'document'}}) }}

-- an approved contract has passed a legal check of this version; documents and checks come apart, so it is judged once a
-- check is here that happened no earlier
with newest_check as (
    select
        c.source_relation,
        max(c._event_at) as event_at
    from {{ ref('base_document_check') }} as c
    group by c.source_relation
)

select
    d.document_key,
    d.source_relation,
    d.document_id,
    d.version,
    'contract_in_force_passed_its_legal_check' as rule,
    'status' as column_name,
    d.status as value,
    d._batch_id,
    d._row_no
from {{ ref('base_document') }} as d
inner join newest_check as n on n.source_relation = d.source_relation and n.event_at >= d._event_at
where not d.is_deleted
    and d.document_type = 'contract' and d.status = 'approved'
    and not exists (
        select 1 from {{ ref('base_document_check') }} as c
        where not c.is_deleted
            and c.source_relation = d.source_relation and c.document_id = d.document_id
            and c.check_type = 'legal' and c.result = 'pass'
    )
    and {{ not_released_row('d') }}
