"""Receivables and payables of the days of the ageing, from the ageing and as known at an instant: the same columns."""

from __future__ import annotations

_ITEM = """source_relation, company_id, item_type, invoice_id, payment_id, item_date, due_date, currency_code,
    open_amount, open_amount_base, status"""

AGING = f"""SELECT as_of_date, 'receivable' AS direction, customer_id AS party_id, {_ITEM} FROM marts.mart_ar_aging
    UNION ALL SELECT as_of_date, 'payable', vendor_id, {_ITEM} FROM marts.mart_ap_aging"""

AS_KNOWN = f"""SELECT d.as_of_date, direction, party_id, {_ITEM} FROM marts.mart_open_item_history AS h
    JOIN (SELECT DISTINCT as_of_date FROM marts.mart_ar_aging UNION SELECT DISTINCT as_of_date FROM marts.mart_ap_aging)
        AS d ON h.open_from <= d.as_of_date AND (h.open_to IS NULL OR d.as_of_date < h.open_to)
    WHERE h.known_from <= TIMESTAMPTZ '{{0}}' AND (h.known_to IS NULL OR TIMESTAMPTZ '{{0}}' < h.known_to)"""
"""To be formatted with the instant."""
