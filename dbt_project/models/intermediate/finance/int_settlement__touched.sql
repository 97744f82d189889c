{{ touched_rows('settlement') }}
