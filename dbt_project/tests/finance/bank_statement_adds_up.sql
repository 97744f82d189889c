{{ config(meta={
    'invariant': {'id': 'I28', 'contracts': ['finance.bank']},
    'locator': {'document': 'bank_statement', 'column': 'bank_statement_key'}
}) }}

-- opening balance and entries lead to the closing balance
with broken as (
    {{ statements_that_do_not_add_up() }}
)

select b.bank_statement_key, b.source_relation, b.statement_id, b.expected, b.actual
from broken as b
where b.source_relation in ({{ relations_with(['bank_statement', 'bank_transaction']) }})
    and {{ not_released('bank_statement', 'b.source_relation', 'b.statement_id') }}
    and {{ is_complete('bank_transaction', 'b.source_relation', 'b.statement_id') }}
