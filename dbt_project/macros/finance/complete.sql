{#
  Condition: nothing of these tables is out or waits in a source. A total cannot hold while a part of it is in quarantine:
  that part is named there, and the total is judged again once it is back.
#}
{% macro nothing_is_out(source_relation, entities) -%}
    {%- for entity in entities %}{% do ref('base_' ~ entity) %}{% endfor -%}
    {{ source_relation }} not in (
        select q.source_relation from {{ source('meta', 'quarantined') }} as q
        where q.source_relation is not null and q.entity in ('{{ entities | join("', '") }}')
        union all
        select w.source_relation from {{ source('meta', 'waiting') }} as w
        where w.entity in ('{{ entities | join("', '") }}')
    )
{%- endmacro %}

{#
  Gaps in the numbers of an account's statements, as the SELECT of a CTE: first_missing, last_missing, and the day from
  which on the account is not in sight. Statements in quarantine are not missing.
#}
{% macro missing_statements() -%}
    select
        n.source_relation,
        n.bank_account_id,
        n.number_before + 1 as first_missing,
        n.sequence_number - 1 as last_missing
    from (
        select
            s.source_relation,
            s.bank_account_id,
            s.sequence_number,
            lag(s.sequence_number) over (
                partition by s.source_relation, s.bank_account_id order by s.sequence_number
            ) as number_before
        from (
            select f.source_relation, f.bank_account_id, f.sequence_number
            from {{ ref('fct_bank_statements') }} as f
            where f.sequence_number is not null
            union all
            select
                q.source_relation,
                {{ json_text('q.told', 'bank_account_id') }},
                cast({{ json_text('q.told', 'sequence_number') }} as integer)
            from {{ source('meta', 'quarantined') }} as q
            where q.entity = 'bank_statement' and {{ json_text('q.told', 'sequence_number') }} is not null
        ) as s
    ) as n
    where n.sequence_number > n.number_before + 1
{%- endmacro %}

{# Bank statements whose entries do not lead from their opening to their closing balance, as the SELECT of a CTE. #}
{% macro statements_that_do_not_add_up() -%}
    select
        s.bank_statement_key,
        s.source_relation,
        s.statement_id,
        s.bank_account_id,
        s.closing_balance as expected,
        s.opening_balance + coalesce(e.amount, 0) as actual
    from {{ ref('fct_bank_statements') }} as s
    left join (
        select t.bank_statement_key, sum(t.amount) as amount
        from {{ ref('fct_bank_transactions') }} as t
        group by t.bank_statement_key
    ) as e on e.bank_statement_key = s.bank_statement_key
    where s.opening_balance + coalesce(e.amount, 0) <> s.closing_balance
{%- endmacro %}
