{{ config(meta={'invariant': {'id': 'I03', 'contracts': ['finance.journal']}, 'locator': {'document': 'journal', 'column': 'journal_key'}}) }}

-- a posted line is a debit or a credit, neither negative, not both and not none; one that only carries an exchange
-- difference is so in the functional currency
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
    min(l.entry_id) as entry_id
from lines as l
where not l.is_deleted and l.status = 'posted'
    and {{ not_released('journal', 'l.source_relation', 'l.journal_id') }}
    and {{ is_complete('gl_entry', 'l.source_relation', 'l.journal_id') }}
    and (
        least(l.debit, l.credit, l.debit_base, l.credit_base) < 0
        or (l.debit_base = 0) = (l.credit_base = 0)
        or (l.debit <> 0 and l.credit <> 0)
        or (l.debit <> 0 and l.credit_base <> 0)
        or (l.credit <> 0 and l.debit_base <> 0)
    )
group by l.journal_key, l.source_relation, l.journal_id
