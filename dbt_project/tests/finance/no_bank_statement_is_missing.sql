{{ config(meta={'invariant': {'id': 'I29', 'contracts': ['finance.bank']}}) }}

-- The numbers of an account's statements have no gap. As many as are in quarantine are not missing; which numbers they
-- have cannot be told from outside.
with numbered as (
    select
        s.source_relation,
        s.bank_account_id,
        s.sequence_number,
        lag(s.sequence_number) over (
            partition by s.source_relation, s.bank_account_id order by s.sequence_number
        ) as number_before
    from {{ ref('fct_bank_statements') }} as s
    where s.sequence_number is not null
),

gaps as (
    select
        n.source_relation,
        n.bank_account_id,
        n.number_before + 1 as first_missing,
        n.sequence_number - 1 as last_missing,
        sum(n.sequence_number - n.number_before - 1) over (partition by n.source_relation) as missing
    from numbered as n
    where n.sequence_number > n.number_before + 1
),

out_now as (
    select q.source_relation, count(distinct q.document_key) as statements
    from {{ source('meta', 'quarantined') }} as q
    where q.document = 'bank_statement'
    group by q.source_relation
)

select
    g.source_relation,
    g.bank_account_id,
    g.first_missing,
    g.last_missing,
    0 as expected,
    g.last_missing - g.first_missing + 1 as actual
from gaps as g
left join out_now as o on o.source_relation = g.source_relation
where g.missing > coalesce(o.statements, 0)
