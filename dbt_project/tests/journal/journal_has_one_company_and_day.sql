{{ config(meta={'invariant': {'id': 'I04', 'contracts': ['finance.journal']}, 'locator': {'document': 'journal', 'column': 'journal_key'}}) }}

-- the lines of a journal belong to one company and are posted on one day
with touched as (
    select distinct l.journal_key
    from {{ ref('base_gl_entry') }} as l
    where {{ is_new('l._generation') }}
),

lines as (
    {{ few_rows(ref('base_gl_entry'), 't.journal_key in (select k.journal_key from touched as k)') }}
)

select
    l.journal_key,
    l.source_relation,
    l.journal_id,
    min(l.source_document_type) as source_document_type,
    min(l.source_document_id) as source_document_id,
    count(distinct l.company_id) as companies,
    count(distinct l.posting_date) as posting_dates
from lines as l
where not l.is_deleted and l.status = 'posted'
    and {{ not_released('journal', 'l.source_relation', 'l.journal_id') }}
    and {{ is_complete('gl_entry', 'l.source_relation', 'l.journal_id') }}
group by l.journal_key, l.source_relation, l.journal_id
having count(distinct l.company_id) > 1 or count(distinct l.posting_date) > 1
