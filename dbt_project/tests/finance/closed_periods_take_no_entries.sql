{{ config(meta={'invariant': {'id': 'I36', 'contracts': ['finance.journal', 'finance.company']}, 'locator': {'document': 'journal', 'column': 'journal_key'}}) }}

-- nothing was entered into a period after it was closed
select
    l.journal_key,
    l.source_relation,
    l.journal_id,
    min(l.source_document_type) as source_document_type,
    min(l.source_document_id) as source_document_id,
    max(l.entered_at) as entered_at,
    max(p.closed_at) as closed_at,
    max(p.period_id) as period_id
from (
    {{ few_rows(ref('base_gl_entry'), is_new('t._generation')) }}
) as l
inner join {{ ref('dim_fiscal_period') }} as p
    on p.source_relation = l.source_relation and p.company_id = l.company_id
    and not p.is_adjustment
    and l.posting_date between p.start_date and p.end_date
where not l.is_deleted and l.status = 'posted'
    and p.status = 'closed' and l.entered_at > p.closed_at
    and {{ not_released('journal', 'l.source_relation', 'l.journal_id') }}
    and {{ is_complete('gl_entry', 'l.source_relation', 'l.journal_id') }}
group by l.journal_key, l.source_relation, l.journal_id
