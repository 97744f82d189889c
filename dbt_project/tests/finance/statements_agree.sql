{{ config(meta={'invariant': {'id': 'I06', 'contracts': ['finance.journal', 'finance.gl_account', 'finance.company']}}) }}

-- the profit and loss statement is the movement of the result in the balance sheet, and the cash-flow statement explains the
-- movement of cash, month by month
with results as (
    select
        p.source_relation,
        p.company_id,
        p.month_start,
        sum(p.amount_base) as result_base
    from {{ ref('mart_profit_and_loss') }} as p
    group by p.source_relation, p.company_id, p.month_start
),

equity as (
    select
        b.source_relation,
        b.company_id,
        b.month_start,
        sum(b.amount_base) as results_base
    from {{ ref('mart_balance_sheet') }} as b
    where b.line_number in (330, 340)
    group by b.source_relation, b.company_id, b.month_start
),

moved as (
    select
        e.*,
        e.results_base - coalesce(lag(e.results_base) over (
            partition by e.source_relation, e.company_id order by e.month_start
        ), 0) as moved_base
    from equity as e
),

flows as (
    select
        f.source_relation,
        f.company_id,
        f.month_start,
        sum(case when f.category = 'cash' then f.amount_base else 0 end) as cash_base,
        sum(case when f.category = 'cash' then 0 else f.amount_base end) as explained_base
    from {{ ref('mart_cash_flow_statement') }} as f
    group by f.source_relation, f.company_id, f.month_start
)

select
    m.source_relation,
    m.company_id,
    m.month_start,
    'result' as what,
    m.moved_base as expected,
    coalesce(r.result_base, 0) as actual
from moved as m
left join results as r
    on r.source_relation = m.source_relation and r.company_id = m.company_id and r.month_start = m.month_start
where m.moved_base <> coalesce(r.result_base, 0)

union all

select
    f.source_relation,
    f.company_id,
    f.month_start,
    'cash' as what,
    f.cash_base as expected,
    f.explained_base as actual
from flows as f
where f.cash_base <> f.explained_base
