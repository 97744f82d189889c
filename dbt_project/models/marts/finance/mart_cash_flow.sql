{{ config(materialized='table') }}

with statements as (
    select
        s.source_relation,
        s.company_id,
        s.bank_account_id,
        s.from_date,
        s.to_date,
        s.currency_code,
        -- what moved while no statement tells of it; of the first statement what was there before
        cast(s.opening_balance - coalesce(lag(s.closing_balance) over (
            partition by s.source_relation, s.bank_account_id order by s.from_date, s.sequence_number
        ), 0) as decimal(18, 4)) as carried,
        row_number() over (
            partition by s.source_relation, s.bank_account_id order by s.from_date, s.sequence_number
        ) as position
    from {{ ref('fct_bank_statements') }} as s
),

accounts as (
    select
        s.source_relation,
        s.bank_account_id,
        max(s.company_id) as company_id,
        max(s.currency_code) as currency_code,
        min(s.from_date) as first_day,
        max(s.to_date) as last_day
    from statements as s
    group by s.source_relation, s.bank_account_id
),

carried as (
    select
        s.source_relation,
        s.bank_account_id,
        s.from_date as day,
        sum(case when s.position = 1 then s.carried else 0 end) as opening,
        sum(case when s.position = 1 then 0 else s.carried end) as untold
    from statements as s
    group by s.source_relation, s.bank_account_id, s.from_date
),

entries as (
    select
        t.source_relation,
        t.bank_account_id,
        t.booking_date as day,
        count(*) as entry_count,
        sum(case when not c.is_transfer and t.amount > 0 then t.amount else 0 end) as cash_in,
        sum(case when not c.is_transfer and t.amount < 0 then -t.amount else 0 end) as cash_out,
        sum(case when c.is_transfer and t.amount > 0 then t.amount else 0 end) as transfers_in,
        sum(case when c.is_transfer and t.amount < 0 then -t.amount else 0 end) as transfers_out,
        sum(case when c.category = 'operating' then t.amount else 0 end) as operating,
        sum(case when c.category = 'investing' then t.amount else 0 end) as investing,
        sum(case when c.category = 'financing' then t.amount else 0 end) as financing,
        sum(case when c.category = 'unclassified' then t.amount else 0 end) as unclassified
    from {{ ref('fct_bank_transactions') }} as t
    inner join (
        select
            t.bank_transaction_key,
            coalesce(c.is_internal, false) as is_transfer,
            case
                when coalesce(c.category, '') in ('operating', 'investing', 'financing', 'transfer') then c.category
                else 'unclassified'
            end as category
        from {{ ref('fct_bank_transactions') }} as t
        left join {{ ref('int_bank__entry_classes') }} as c on c.bank_transaction_key = t.bank_transaction_key
    ) as c on c.bank_transaction_key = t.bank_transaction_key
    group by t.source_relation, t.bank_account_id, t.booking_date
),

rates as (
    select
        r.source_relation,
        r.from_currency,
        r.to_currency,
        r.rate_date,
        lead(r.rate_date) over (
            partition by r.source_relation, r.from_currency, r.to_currency order by r.rate_date
        ) as next_date,
        r.rate
    from {{ ref('base_fx_rate') }} as r
    where r.rate_type = 'spot' and not r.is_deleted
),

daily as (
    select
        a.source_relation,
        a.company_id,
        a.bank_account_id,
        a.currency_code,
        d.date_day as cash_date,
        coalesce(e.entry_count, 0) as entry_count,
        coalesce(e.cash_in, 0) as cash_in,
        coalesce(e.cash_out, 0) as cash_out,
        coalesce(e.transfers_in, 0) as transfers_in,
        coalesce(e.transfers_out, 0) as transfers_out,
        coalesce(e.operating, 0) as operating,
        coalesce(e.investing, 0) as investing,
        coalesce(e.financing, 0) as financing,
        coalesce(e.unclassified, 0) as unclassified,
        coalesce(c.untold, 0) as untold,
        coalesce(c.opening, 0) as opening
    from accounts as a
    inner join {{ ref('dim_date') }} as d on d.date_day >= a.first_day and d.date_day <= a.last_day
    left join entries as e
        on e.source_relation = a.source_relation and e.bank_account_id = a.bank_account_id and e.day = d.date_day
    left join carried as c
        on c.source_relation = a.source_relation and c.bank_account_id = a.bank_account_id and c.day = d.date_day
),

balanced as (
    select
        d.*,
        d.cash_in - d.cash_out as net_flow,
        sum(d.opening + d.untold + d.cash_in - d.cash_out + d.transfers_in - d.transfers_out) over (
            partition by d.source_relation, d.bank_account_id order by d.cash_date
            rows between unbounded preceding and current row
        ) as closing_balance
    from daily as d
)

select
    {{ hashed("b.source_relation || '|' || b.bank_account_id || '|' || cast(b.cash_date as varchar)") }} as cash_flow_key,
    b.source_relation,
    b.company_id,
    b.bank_account_id,
    b.cash_date,
    b.currency_code,
    cast(b.entry_count as integer) as entry_count,
    cast(b.closing_balance - b.untold - b.net_flow - b.transfers_in + b.transfers_out as decimal(18, 4))
        as opening_balance,
    cast(b.cash_in as decimal(18, 4)) as cash_in,
    cast(b.cash_out as decimal(18, 4)) as cash_out,
    cast(b.net_flow as decimal(18, 4)) as net_flow,
    cast(b.operating as decimal(18, 4)) as operating_flow,
    cast(b.investing as decimal(18, 4)) as investing_flow,
    cast(b.financing as decimal(18, 4)) as financing_flow,
    cast(b.unclassified as decimal(18, 4)) as unclassified_flow,
    cast(b.transfers_in as decimal(18, 4)) as transfers_in,
    cast(b.transfers_out as decimal(18, 4)) as transfers_out,
    cast(b.untold as decimal(18, 4)) as untold_flow,
    cast(b.closing_balance as decimal(18, 4)) as closing_balance,
    c.functional_currency,
    cast(case
        when b.currency_code = c.functional_currency then b.closing_balance
        else {{ at_rate('b.closing_balance', 'r.rate') }}
    end as decimal(18, 4)) as closing_balance_base
from balanced as b
left join {{ ref('dim_company') }} as c on c.source_relation = b.source_relation and c.company_id = b.company_id
left join rates as r
    on r.source_relation = b.source_relation
    and r.from_currency = b.currency_code
    and r.to_currency = c.functional_currency
    and {{ in_force('b.cash_date', 'r.rate_date', 'r.next_date') }}
