{{ touched_rows('vendor') }}
