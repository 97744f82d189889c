{{ config(meta={'invariant': {'id': 'I35', 'contracts': ['finance.journal', 'finance.gl_account', 'finance.company']}}) }}

-- what a company is owed by another of the group is what that one owes it, per pair and currency of the transactions
with balances as (
    select
        e.source_relation,
        e.company_id,
        e.counterparty_company_id,
        e.currency_code,
        sum(e.amount) as amount
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted and a.control_for = 'intercompany' and e.counterparty_company_id is not null
    group by e.source_relation, e.company_id, e.counterparty_company_id, e.currency_code
)

select
    a.source_relation,
    a.company_id,
    a.counterparty_company_id,
    a.currency_code,
    a.amount as expected,
    -coalesce(b.amount, 0) as actual
from balances as a
left join balances as b
    on b.source_relation = a.source_relation and b.company_id = a.counterparty_company_id
    and b.counterparty_company_id = a.company_id and b.currency_code = a.currency_code
where a.amount + coalesce(b.amount, 0) <> 0
    and {{ nothing_is_out('a.source_relation', ['gl_entry']) }}
