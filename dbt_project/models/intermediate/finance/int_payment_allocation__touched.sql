{{ touched_rows('payment_allocation') }}
