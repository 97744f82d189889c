{{ config(materialized='table') }}

-- What a bank entry was for, by what it is posted against: of a journal the part of most weight counts, of a bill that
-- is paid the accounts it was charged to. Money between own accounts is posted against no other account.
with bank_accounts as (
    select distinct l.gl_account_entity_key from {{ ref('int_bank__ledger_lines') }} as l
),

counterparts as (
    select
        e.journal_key,
        a.account_type,
        a.control_for,
        a.cash_flow_category,
        sum(e.amount_base) as amount_base
    from {{ ref('fct_gl_entries') }} as e
    inner join {{ ref('dim_gl_account') }} as a on a.gl_account_entity_key = e.gl_account_entity_key
    where e.is_posted
        and e.journal_key in (select l.journal_key from {{ ref('int_bank__ledger_lines') }} as l)
        and e.gl_account_entity_key not in (select b.gl_account_entity_key from bank_accounts as b)
    group by e.journal_key, a.account_type, a.control_for, a.cash_flow_category
),

journals as (
    select c.journal_key, c.control_for, c.cash_flow_category
    from (
        select
            c.*,
            row_number() over (
                partition by c.journal_key
                order by abs(c.amount_base) desc, coalesce(c.cash_flow_category, ''), coalesce(c.control_for, '')
            ) as weight
        from counterparts as c
        where c.account_type <> 'fx_gain_loss'
    ) as c
    where c.weight = 1
),

billed as (
    select b.source_relation, b.payment_id, b.cash_flow_category
    from (
        select
            p.source_relation,
            p.payment_id,
            a.cash_flow_category,
            row_number() over (
                partition by p.source_relation, p.payment_id
                order by sum(abs(l.net_amount)) desc, coalesce(a.cash_flow_category, '')
            ) as weight
        from {{ ref('fct_payment_allocations') }} as p
        inner join {{ ref('fct_invoice_lines') }} as l on l.invoice_key = p.invoice_key and l.direction = 'payable'
        inner join {{ ref('dim_gl_account') }} as a
            on a.source_relation = l.source_relation and a.account_id = l.account_id
        where p.payment_id is not null and p.unapplied_date is null
        group by p.source_relation, p.payment_id, a.cash_flow_category
    ) as b
    where b.weight = 1
),

entries as (
    select r.bank_transaction_key, r.source_relation, r.journal_key, r.document_type, r.document_id
    from (
        select
            r.*,
            row_number() over (
                partition by r.bank_transaction_key order by abs(r.matched_amount) desc, r.document_id
            ) as weight
        from {{ ref('mart_bank_reconciliation') }} as r
        where r.journal_key is not null
    ) as r
    where r.weight = 1
)

select
    e.bank_transaction_key,
    j.journal_key is null as is_internal,
    case
        when j.journal_key is null then 'transfer'
        when j.control_for = 'ap' then coalesce(b.cash_flow_category, j.cash_flow_category)
        else j.cash_flow_category
    end as category
from entries as e
left join journals as j on j.journal_key = e.journal_key
left join billed as b
    on b.source_relation = e.source_relation
    and b.payment_id = case when e.document_type = 'payment' then e.document_id end
