{{ touched_documents('invoice', 'invoice_line', 'invoice_id') }}
