{{ touched_documents('purchase_order', 'purchase_order_line', 'purchase_order_id') }}
