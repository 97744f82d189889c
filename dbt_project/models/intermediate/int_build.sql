-- the newest build that was published or held, for views, which cannot carry the build's variables
select
    coalesce(max(generation) filter (where coalesce(published_at, held_at) is not null), 0) as published_generation,
    coalesce(
        max(as_of) filter (where coalesce(published_at, held_at) is not null), cast('1900-01-01 00:00:00+00' as timestamptz)
    ) as published_as_of,
    max(as_of) as as_of
from {{ source('meta', 'generation') }}
