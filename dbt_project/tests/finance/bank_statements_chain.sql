{{ config(meta={
    'invariant': {'id': 'I29', 'contracts': ['finance.bank']},
    'locator': {'document': 'bank_statement', 'column': 'bank_statement_key'}
}) }}

-- A statement opens with what the one before it closed with, and no number is used twice. One that does not add up is named
-- for that; its neighbours are not to blame.
with broken as (
    {{ statements_that_do_not_add_up() }}
),

chained as (
    select
        s.bank_statement_key,
        s.source_relation,
        s.statement_id,
        s.bank_account_id,
        s.sequence_number,
        s.opening_balance,
        lag(s.bank_statement_key) over (
            partition by s.source_relation, s.bank_account_id order by s.sequence_number, s.from_date, s.statement_id
        ) as key_before,
        lag(s.sequence_number) over (
            partition by s.source_relation, s.bank_account_id order by s.sequence_number, s.from_date, s.statement_id
        ) as number_before,
        lag(s.closing_balance) over (
            partition by s.source_relation, s.bank_account_id order by s.sequence_number, s.from_date, s.statement_id
        ) as closing_before
    from {{ ref('fct_bank_statements') }} as s
    where s.sequence_number is not null
)

select
    c.bank_statement_key,
    c.source_relation,
    c.statement_id,
    c.sequence_number,
    c.closing_before as expected,
    c.opening_balance as actual
from chained as c
where (c.sequence_number = c.number_before
    or (c.sequence_number = c.number_before + 1 and c.opening_balance <> c.closing_before))
    and c.bank_statement_key not in (select b.bank_statement_key from broken as b)
    and c.key_before not in (select b.bank_statement_key from broken as b)
    and {{ not_released('bank_statement', 'c.source_relation', 'c.statement_id') }}
