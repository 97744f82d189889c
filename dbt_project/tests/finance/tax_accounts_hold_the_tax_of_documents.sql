{{ config(meta={'invariant': {'id': 'I34', 'contracts': ['finance.invoice', 'finance.journal', 'finance.gl_account']}}) }}

-- what was posted to the tax accounts with documents is the tax of the documents, per company and month. Not judged
-- while a document or a journal of the source is out
select
    v.source_relation,
    v.company_id,
    v.month_start,
    v.documents_base as expected,
    v.posted_base as actual
from {{ ref('mart_vat_reconciliation') }} as v
where v.difference_base <> 0
    and {{ nothing_is_out('v.source_relation', ['invoice', 'invoice_line', 'gl_entry']) }}
