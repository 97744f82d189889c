{{ config(meta={'invariant': {'id': 'I01', 'contracts': ['finance.journal']}, 'locator': {'document': 'journal', 'column': 'journal_key'}}) }}

-- posted debits and credits of a journal are equal in the functional currency; one with a line that waits is not complete
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
    sum(l.debit_base) as debit_base,
    sum(l.credit_base) as credit_base
from lines as l
where not l.is_deleted and l.status = 'posted'
    and {{ not_released('journal', 'l.source_relation', 'l.journal_id') }}
    and {{ is_complete('gl_entry', 'l.source_relation', 'l.journal_id') }}
group by l.journal_key, l.source_relation, l.journal_id
having sum(l.debit_base) <> sum(l.credit_base)
