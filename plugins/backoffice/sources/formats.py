"""Formats that carry their own layout: what rows are in such a file, with their columns and key.

A read of one names its ``part``; columns and key are the format's, so that the YAML need not repeat them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileFormat = Literal["delimited", "xlsx", "camt", "ubl", "saft", "jsonl", "singer"]
RECORDS = ("jsonl", "singer")
"""Formats of JSON objects, whose columns the YAML declares with the paths of their values."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of rows: DuckDB type of each column, and the columns that tell a row in its source."""

    columns: dict[str, str]
    primary_key: tuple[str, ...]


_CAMT_STATEMENT = Part(
    {
        "statement_id": "VARCHAR",
        "message_id": "VARCHAR",
        "kind": "VARCHAR",
        "account": "VARCHAR",
        "iban": "VARCHAR",
        "currency": "VARCHAR",
        "bank_bic": "VARCHAR",
        "sequence_number": "INTEGER",
        "legal_sequence_number": "INTEGER",
        "created_at": "VARCHAR",
        "from_date": "DATE",
        "to_date": "DATE",
        "opening_balance": "DECIMAL(18,4)",
        "opening_date": "DATE",
        "closing_balance": "DECIMAL(18,4)",
        "closing_date": "DATE",
        "entries": "INTEGER",
    },
    ("account", "statement_id"),
)
_CAMT_ENTRY = Part(
    {
        "statement_id": "VARCHAR",
        "account": "VARCHAR",
        "iban": "VARCHAR",
        "position": "INTEGER",
        "detail": "INTEGER",
        "details": "INTEGER",
        "reference": "VARCHAR",
        "entry_reference": "VARCHAR",
        "amount": "DECIMAL(18,4)",
        "currency": "VARCHAR",
        "status": "VARCHAR",
        "is_reversal": "BOOLEAN",
        "booking_date": "DATE",
        "value_date": "DATE",
        "bank_code": "VARCHAR",
        "end_to_end_id": "VARCHAR",
        "transaction_id": "VARCHAR",
        "mandate_id": "VARCHAR",
        "counterparty_name": "VARCHAR",
        "counterparty_iban": "VARCHAR",
        "remittance_text": "VARCHAR",
        "additional_text": "VARCHAR",
    },
    ("account", "statement_id", "position", "detail"),
)

_UBL_INVOICE = Part(
    {
        "supplier": "VARCHAR",
        "number": "VARCHAR",
        "kind": "VARCHAR",
        "type_code": "VARCHAR",
        "customization": "VARCHAR",
        "issue_date": "DATE",
        "due_date": "DATE",
        "currency": "VARCHAR",
        "order_reference": "VARCHAR",
        "buyer_reference": "VARCHAR",
        "corrects": "VARCHAR",
        "supplier_name": "VARCHAR",
        "supplier_tax_number": "VARCHAR",
        "supplier_country": "VARCHAR",
        "customer": "VARCHAR",
        "customer_name": "VARCHAR",
        "customer_tax_number": "VARCHAR",
        "payment_reference": "VARCHAR",
        "payment_iban": "VARCHAR",
        "lines": "INTEGER",
        "lines_amount": "DECIMAL(18,4)",
        "allowances": "DECIMAL(18,4)",
        "charges": "DECIMAL(18,4)",
        "net_amount": "DECIMAL(18,4)",
        "tax_amount": "DECIMAL(18,4)",
        "gross_amount": "DECIMAL(18,4)",
        "prepaid_amount": "DECIMAL(18,4)",
        "payable_amount": "DECIMAL(18,4)",
    },
    ("supplier", "number"),
)
_UBL_LINE = Part(
    {
        "supplier": "VARCHAR",
        "number": "VARCHAR",
        "kind": "VARCHAR",
        "currency": "VARCHAR",
        "position": "INTEGER",
        "line_id": "VARCHAR",
        "quantity": "DECIMAL(18,4)",
        "unit": "VARCHAR",
        "amount": "DECIMAL(18,4)",
        "price": "DECIMAL(18,6)",
        "price_quantity": "DECIMAL(18,4)",
        "item_name": "VARCHAR",
        "item_id": "VARCHAR",
        "item_standard_id": "VARCHAR",
        "tax_category": "VARCHAR",
        "tax_percent": "DECIMAL(9,4)",
        "accounting_cost": "VARCHAR",
        "order_line": "VARCHAR",
        "note": "VARCHAR",
    },
    ("supplier", "number", "position"),
)

_SAFT_COMPANY = {"company": "VARCHAR", "currency": "VARCHAR"}
_SAFT_FILE = Part(
    _SAFT_COMPANY
    | {
        "period_from": "VARCHAR",
        "period_to": "VARCHAR",
        "stated_transactions": "INTEGER",
        "stated_debit": "DECIMAL(18,4)",
        "stated_credit": "DECIMAL(18,4)",
        "transactions": "INTEGER",
        "debit": "DECIMAL(18,4)",
        "credit": "DECIMAL(18,4)",
    },
    ("company", "period_from", "period_to"),
)
_SAFT_ACCOUNT = Part(
    _SAFT_COMPANY
    | {
        "account_id": "VARCHAR",
        "description": "VARCHAR",
        "standard_account": "VARCHAR",
        "account_type": "VARCHAR",
        "opening_balance": "DECIMAL(18,4)",
        "closing_balance": "DECIMAL(18,4)",
        "movements": "DECIMAL(18,4)",
        "difference": "DECIMAL(18,4)",
    },
    ("company", "account_id"),
)
_SAFT_OF_TRANSACTION = _SAFT_COMPANY | {
    "journal_id": "VARCHAR",
    "journal_type": "VARCHAR",
    "transaction_id": "VARCHAR",
    "transaction_date": "DATE",
    "posting_date": "DATE",
    "entry_date": "DATE",
    "period": "VARCHAR",
    "period_year": "VARCHAR",
    "transaction_description": "VARCHAR",
    "source_id": "VARCHAR",
}
_SAFT_TRANSACTION = Part(
    _SAFT_OF_TRANSACTION | {"lines": "INTEGER", "debit": "DECIMAL(18,4)", "credit": "DECIMAL(18,4)"},
    ("company", "journal_id", "transaction_id"),
)
_SAFT_LINE = Part(
    _SAFT_OF_TRANSACTION
    | {
        "position": "INTEGER",
        "record_id": "VARCHAR",
        "account_id": "VARCHAR",
        "debit": "DECIMAL(18,4)",
        "credit": "DECIMAL(18,4)",
        "line_currency": "VARCHAR",
        "currency_amount": "DECIMAL(18,4)",
        "exchange_rate": "DECIMAL(18,8)",
        "value_date": "DATE",
        "customer_id": "VARCHAR",
        "supplier_id": "VARCHAR",
        "source_document_id": "VARCHAR",
        "description": "VARCHAR",
        "tax_code": "VARCHAR",
        "tax_percent": "DECIMAL(9,4)",
        "tax_base": "DECIMAL(18,4)",
        "tax_amount": "DECIMAL(18,4)",
    },
    ("company", "journal_id", "transaction_id", "position"),
)

PARTS: dict[str, dict[str, Part]] = {
    "camt": {"statement": _CAMT_STATEMENT, "entry": _CAMT_ENTRY},
    "ubl": {"invoice": _UBL_INVOICE, "line": _UBL_LINE},
    "saft": {"file": _SAFT_FILE, "account": _SAFT_ACCOUNT, "transaction": _SAFT_TRANSACTION, "line": _SAFT_LINE},
}
"""Format → part → its rows, for the formats that have some."""
