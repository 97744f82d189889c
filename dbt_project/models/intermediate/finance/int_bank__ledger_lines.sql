{{ config(materialized='table') }}

-- what each journal did to each account of the ledger that holds bank accounts, in the currency of the bank account
with accounts as (
    select
        {{ key_of('a', 'gl_account_id') }} as gl_account_entity_key,
        min(a.currency_code) as account_currency,
        count(distinct a.currency_code) as currencies
    from {{ ref('base_bank_account') }} as a
    where not a.is_deleted
    group by 1
)

select
    e.journal_key,
    e.gl_account_entity_key,
    min(e.source_relation) as source_relation,
    min(e.journal_id) as journal_id,
    min(e.company_id) as company_id,
    min(e.journal_type) as journal_type,
    min(e.posting_date) as posting_date,
    min(e.source_document_type) as source_document_type,
    min(e.source_document_id) as source_document_id,
    -- what is posted in another currency counts at its worth at home, where the account is kept
    cast(sum(case
        when e.currency_code = a.account_currency then e.amount
        when a.account_currency = c.functional_currency then e.amount_base
        else 0
    end) as decimal(18, 4)) as amount,
    cast(sum(e.amount_base) as decimal(18, 4)) as amount_base
from {{ ref('fct_gl_entries') }} as e
inner join accounts as a on a.gl_account_entity_key = e.gl_account_entity_key and a.currencies = 1
inner join {{ ref('dim_company') }} as c on c.source_relation = e.source_relation and c.company_id = e.company_id
where e.is_posted
group by e.journal_key, e.gl_account_entity_key
