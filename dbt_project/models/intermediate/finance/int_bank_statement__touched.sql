{{ touched_documents('bank_statement', 'bank_transaction', 'statement_id') }}

union

-- statements of an account that was described anew
select s.bank_statement_key as key
from {{ ref('base_bank_statement') }} as s
where {{ key_of('s', 'bank_account_id') }} in ({{ touched_rows('bank_account') }})
