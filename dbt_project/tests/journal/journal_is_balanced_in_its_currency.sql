{{ config(meta={'invariant': {'id': 'I02', 'contracts': ['finance.journal']}, 'locator': {'document': 'journal', 'column': 'journal_key'}}) }}

-- posted debits and credits of a journal in a single currency are equal in it: lines that only carry an exchange difference
-- are zero there. Journals that mix currencies are compared in the functional one alone.
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
    sum(l.debit) as debit,
    sum(l.credit) as credit
from lines as l
where not l.is_deleted and l.status = 'posted'
    and {{ not_released('journal', 'l.source_relation', 'l.journal_id') }}
    and {{ is_complete('gl_entry', 'l.source_relation', 'l.journal_id') }}
group by l.journal_key, l.source_relation, l.journal_id
having count(distinct l.currency_code) = 1 and sum(l.debit) <> sum(l.credit)
