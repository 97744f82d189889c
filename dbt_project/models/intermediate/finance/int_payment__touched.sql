{{ touched_rows('payment') }}
