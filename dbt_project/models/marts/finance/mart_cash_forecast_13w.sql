{{ config(materialized='table', tags=['daily']) }}

{#- thirteen weeks from today on; what is overdue is expected in the first #}
with today as (
    select {{ as_of_date() }} as as_of_date
),

weeks as (
    select
        cast({{ dbt.datediff('t.as_of_date', 'd.date_day', 'day') }} / 7 + 1 as integer) as week_number,
        d.date_day as week_start,
        cast(d.date_day + interval 6 day as date) as week_end
    from {{ ref('dim_date') }} as d
    inner join today as t
        on d.date_day >= t.as_of_date and d.date_day < cast(t.as_of_date + interval 91 day as date)
    where mod({{ dbt.datediff('t.as_of_date', 'd.date_day', 'day') }}, 7) = 0
),

balances as (
    select f.source_relation, f.company_id, sum(f.closing_balance_base) as amount
    from {{ ref('mart_cash_flow') }} as f
    inner join (
        select l.source_relation, l.bank_account_id, max(l.cash_date) as cash_date
        from {{ ref('mart_cash_flow') }} as l
        cross join today as t
        where l.cash_date <= t.as_of_date
        group by l.source_relation, l.bank_account_id
    ) as l
        on l.source_relation = f.source_relation
        and l.bank_account_id = f.bank_account_id
        and l.cash_date = f.cash_date
    group by f.source_relation, f.company_id
),

open_receivables as (
    {{ open_items('today', 'receivable') }}
),

open_payables as (
    {{ open_items('today', 'payable') }}
),

-- how late each customer's invoices were paid in full, by the day of the last payment
settled as (
    select
        i.source_relation,
        i.company_id,
        i.party_id,
        {{ dbt.datediff('i.due_date', 'max(a.applied_date)', 'day') }} as days_late
    from {{ ref('fct_invoices') }} as i
    inner join {{ ref('fct_payment_allocations') }} as a
        on a.invoice_key = i.invoice_key and a.unapplied_date is null
    cross join today as t
    where i.direction = 'receivable' and i.is_in_ledger and i.document_type <> 'credit_note'
        and i.status = 'paid' and a.applied_date <= t.as_of_date
    group by i.invoice_key, i.source_relation, i.company_id, i.party_id, i.due_date
),

habits as (
    select
        s.source_relation,
        s.company_id,
        s.party_id,
        cast(percentile_disc(0.5) within group (order by s.days_late) as integer) as days_late
    from settled as s
    group by s.source_relation, s.company_id, s.party_id
),

company_habits as (
    select
        s.source_relation,
        s.company_id,
        cast(percentile_disc(0.5) within group (order by s.days_late) as integer) as days_late
    from settled as s
    group by s.source_relation, s.company_id
),

runs as (
    select
        s.source_relation,
        s.company_id,
        s.payroll_run_id,
        s.pay_date,
        s.period_start,
        s.period_end,
        sum(s.net_pay) as net_pay,
        row_number() over (
            partition by s.source_relation, s.company_id order by s.period_end desc, s.pay_date desc, s.payroll_run_id
        ) as newest
    from {{ ref('fct_payslips') }} as s
    where s.run_type = 'regular' and s.run_status in ('approved', 'paid')
    group by s.source_relation, s.company_id, s.payroll_run_id, s.pay_date, s.period_start, s.period_end
),

-- payments to the tax office of one kind, such as VAT: what is left of their reference without its figures
tax_payments as (
    select
        p.source_relation,
        p.company_id,
        translate(coalesce(p.reference, ''), '0123456789', '') as kind,
        p.payment_date,
        case when p.direction = 'outbound' then p.amount_base else -p.amount_base end as amount,
        lag(p.payment_date) over (
            partition by p.source_relation, p.company_id, translate(coalesce(p.reference, ''), '0123456789', '')
            order by p.payment_date, p.payment_id
        ) as date_before,
        row_number() over (
            partition by p.source_relation, p.company_id, translate(coalesce(p.reference, ''), '0123456789', '')
            order by p.payment_date desc, p.payment_id desc
        ) as newest
    from {{ ref('fct_payments') }} as p
    where p.party_type = 'tax_authority' and p.status in ('pending', 'cleared')
),

-- months between the last two, half a month and more is one
tax_rhythms as (
    select
        t.source_relation,
        t.company_id,
        t.payment_date,
        t.amount,
        greatest(1, cast(round({{ dbt.datediff('t.date_before', 't.payment_date', 'day') }} / 30.4) as integer)) as months
    from tax_payments as t
    where t.newest = 1 and t.date_before is not null
),

steps as (
    select w.week_number - 1 as step from weeks as w
),

expected as (
    select
        r.source_relation,
        r.company_id,
        'receipts' as line,
        cast(r.due_date + coalesce(h.days_late, c.days_late, 0) * interval 1 day as date) as expected_date,
        r.open_amount_base as amount
    from open_receivables as r
    left join habits as h
        on h.source_relation = r.source_relation and h.company_id = r.company_id and h.party_id = r.party_id
    left join company_habits as c on c.source_relation = r.source_relation and c.company_id = r.company_id
    union all
    select p.source_relation, p.company_id, 'payables', p.due_date, -p.open_amount_base
    from open_payables as p
    union all
    select
        r.source_relation,
        r.company_id,
        'payroll',
        case
            when {{ dbt.datediff('r.period_start', 'r.period_end', 'day') }} >= 27
                then cast(r.pay_date + s.step * interval 1 month as date)
            else cast(r.pay_date
                + s.step * ({{ dbt.datediff('r.period_start', 'r.period_end', 'day') }} + 1) * interval 1 day as date)
        end,
        -r.net_pay
    from runs as r
    cross join steps as s
    where r.newest = 1
    union all
    select
        t.source_relation, t.company_id, 'tax', cast(t.payment_date + s.step * t.months * interval 1 month as date),
        -t.amount
    from tax_rhythms as t
    cross join steps as s
    where s.step > 0
),

-- a run or a tax payment of the past is paid; a receipt or a bill that should have been is still to come
planned as (
    select
        e.source_relation,
        e.company_id,
        e.line,
        case when e.expected_date < t.as_of_date then t.as_of_date else e.expected_date end as expected_date,
        e.amount
    from expected as e
    cross join today as t
    where e.line in ('receipts', 'payables') or e.expected_date >= t.as_of_date
),

frames as (
    select b.source_relation, b.company_id, w.week_number, w.week_start, w.week_end, b.amount as balance
    from balances as b
    cross join weeks as w
),

moves as (
    select
        f.source_relation,
        f.company_id,
        f.week_number,
        f.week_start,
        f.week_end,
        f.balance,
        l.line,
        coalesce(sum(p.amount), 0) as amount
    from frames as f
    cross join (
        select 'receipts' as line union all select 'payables' union all select 'payroll' union all select 'tax'
    ) as l
    left join planned as p
        on p.source_relation = f.source_relation
        and p.company_id = f.company_id
        and p.line = l.line
        and p.expected_date >= f.week_start
        and p.expected_date <= f.week_end
    group by f.source_relation, f.company_id, f.week_number, f.week_start, f.week_end, f.balance, l.line
),

totals as (
    select
        m.source_relation,
        m.company_id,
        m.week_number,
        m.week_start,
        m.week_end,
        sum(m.amount) as moved,
        max(m.balance) + sum(sum(m.amount)) over (
            partition by m.source_relation, m.company_id order by m.week_number
            rows between unbounded preceding and current row
        ) as closing
    from moves as m
    group by m.source_relation, m.company_id, m.week_number, m.week_start, m.week_end
),

lines as (
    select m.source_relation, m.company_id, m.week_number, m.week_start, m.week_end, m.line, m.amount
    from moves as m
    union all
    select t.source_relation, t.company_id, t.week_number, t.week_start, t.week_end, 'opening', t.closing - t.moved
    from totals as t
    union all
    select t.source_relation, t.company_id, t.week_number, t.week_start, t.week_end, 'closing', t.closing
    from totals as t
)

select
    {{ hashed("l.source_relation || '|' || l.company_id || '|' || cast(l.week_number as varchar) || '|' || l.line") }}
        as cash_forecast_key,
    l.source_relation,
    l.company_id,
    t.as_of_date,
    l.week_number,
    l.week_start,
    l.week_end,
    case l.line
        when 'opening' then 1
        when 'receipts' then 2
        when 'payables' then 3
        when 'payroll' then 4
        when 'tax' then 5
        else 6
    end as line_number,
    l.line,
    c.functional_currency as currency_code,
    cast(l.amount as decimal(18, 4)) as amount
from lines as l
cross join today as t
left join {{ ref('dim_company') }} as c on c.source_relation = l.source_relation and c.company_id = l.company_id
