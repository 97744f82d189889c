{#
  Rows of a ledger this build wrote that say something else than before (see note_altered): one row each. A row that a
  person released is not judged again.
#}
{% test ledger_is_kept(model, entity) %}
select
    a.batch_id as _batch_id,
    a.row_no as _row_no,
    '{{ entity }}.ledger' as rule,
    a.columns as column_name,
    cast(null as varchar) as value
from {{ source('meta', 'altered') }} as a
where a.entity = '{{ entity }}' and {{ is_new('a.generation') }}
    and not exists (
        select 1 from {{ source('meta', 'quarantined') }} as q
        where q.batch_id = a.batch_id and q.row_no = a.row_no
    )
    and not exists (
        select 1 from {{ source('meta', 'released') }} as q
        where q.batch_id = a.batch_id and q.row_no = a.row_no
    )
-- of the rows of {{ model }}
{% endtest %}
