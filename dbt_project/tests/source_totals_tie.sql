{{ config(severity='warn') }}

-- what a source's own rows or its report add up to is what was made of them; warns, because a report is of another moment
-- than a build, and rows in quarantine are missing on our side only
select
    t.source,
    t.total,
    t.row_label,
    t.figure,
    t.source_value as expected,
    t.our_value as actual,
    t.rows_out
from {{ ref('audit_source_totals') }} as t
where not t.ties and t.accepted = ''
