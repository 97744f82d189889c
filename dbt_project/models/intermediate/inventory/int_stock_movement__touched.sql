{{ touched_rows('stock_movement') }}
