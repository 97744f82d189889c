{{ config(meta={'invariant': {'id': 'I29', 'contracts': ['finance.bank']}}) }}

-- the numbers of an account's statements have no gap; a statement in quarantine is there
with gaps as (
    {{ missing_statements() }}
)

select
    g.source_relation,
    g.bank_account_id,
    g.first_missing,
    g.last_missing,
    0 as expected,
    g.last_missing - g.first_missing + 1 as actual
from gaps as g
