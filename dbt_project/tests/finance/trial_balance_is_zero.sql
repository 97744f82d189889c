{{ config(meta={'invariant': {'id': 'I05', 'contracts': ['finance.journal', 'finance.gl_account', 'finance.company']}}) }}

-- the accounts of a company add up to zero at the end of each month, and nothing that was posted is missing among them
with balances as (
    select
        t.source_relation,
        t.company_id,
        t.month_end,
        sum(t.closing_base) as closing_base,
        sum(t.entry_count) over_months
    from {{ ref('mart_trial_balance') }} as t
    group by t.source_relation, t.company_id, t.month_end
),

counted as (
    select
        b.source_relation,
        b.company_id,
        sum(b.over_months) as entries
    from balances as b
    group by b.source_relation, b.company_id
),

posted as (
    select
        e.source_relation,
        e.company_id,
        count(*) as entries
    from {{ ref('fct_gl_entries') }} as e
    where e.is_posted
    group by e.source_relation, e.company_id
)

select
    b.source_relation,
    b.company_id,
    cast(b.month_end as varchar) as what,
    cast(0 as decimal(38, 4)) as expected,
    b.closing_base as actual
from balances as b
where b.closing_base <> 0

union all

select
    p.source_relation,
    p.company_id,
    'entries' as what,
    p.entries as expected,
    coalesce(c.entries, 0) as actual
from posted as p
left join counted as c on c.source_relation = p.source_relation and c.company_id = p.company_id
where c.entries is distinct from p.entries
