{{ touched_rows('gl_entry') }}

union

-- lines of a journal of which one came to wait, or no longer does
select e.gl_entry_key
from {{ ref('base_gl_entry') }} as e
where e.journal_key in (
    select t.key
    from {{ source('meta', 'touched') }} as t
    where t.model = 'gl_entry.journal_id'
        and t.generation > (select p.published_generation from {{ ref('int_build') }} as p)
)
