{{ config(meta={'invariant': {'id': 'I06', 'contracts': ['finance.journal', 'finance.gl_account', 'finance.company']}}) }}

-- assets equal liabilities and equity, the result included, at each month end, in the functional and in the group's currency
select
    b.source_relation,
    b.company_id,
    b.month_end,
    sum(case when b.section = 'assets' then b.amount_base else 0 end) as expected,
    sum(case when b.section = 'assets' then 0 else b.amount_base end) as actual,
    sum(case when b.section = 'assets' then b.amount_group else -b.amount_group end) as group_difference
from {{ ref('mart_balance_sheet') }} as b
group by b.source_relation, b.company_id, b.month_end
having sum(case when b.section = 'assets' then b.amount_base else -b.amount_base end) <> 0
    or coalesce(sum(case when b.section = 'assets' then b.amount_group else -b.amount_group end), 0) <> 0
