"""A small company's finance, written by hand and landed as a collector would: every contract, one to one.

Two firms, ``DK`` in kroner and ``US`` in dollars; customers ``C1``, ``C2``; vendors ``V1``, ``V2``. :func:`frame` is
what every document refers to, :func:`journal` the lines of a voucher, and the builders below it make a document with
its lines and its voucher in one go. What a row does not name is as in ``DEFAULTS``.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.warehouse import world as worlds
from tests.warehouse.world import World

from backoffice.settings import Settings
from backoffice.warehouse import build, dbt
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import load

Row = dict[str, Any]
Change = tuple[str, str, Row]

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TODAY = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)
"""When builds of this world are made."""
AR, BANK, AP, SALES, COSTS, GRNI, VAT_OUT, VAT_IN, FX, STOCK, LOSSES = (
    *("1100", "1000", "2000", "4000", "5000", "2050", "2100", "2110", "7000", "1300", "6950"),
)
ACCOUNTS = {
    BANK: ("Bank", "asset", "bank", "debit", "bank"),
    AR: ("Trade receivables", "asset", "receivable", "debit", "ar"),
    STOCK: ("Inventory", "asset", "inventory", "debit", "inventory"),
    AP: ("Trade payables", "liability", "payable", "credit", "ap"),
    GRNI: ("Goods received, not billed", "liability", "clearing", "credit", "grni"),
    VAT_OUT: ("Output VAT", "liability", "tax", "credit", "tax"),
    VAT_IN: ("Input VAT", "asset", "tax", "debit", "tax"),
    SALES: ("Sales", "revenue", "revenue", "credit", None),
    COSTS: ("Costs", "expense", "operating_expense", "debit", None),
    LOSSES: ("Bad debts", "expense", "operating_expense", "debit", None),
    FX: ("Exchange differences", "expense", "fx_gain_loss", "debit", None),
}
"""Number: name, class, type, normal side, what it controls."""

DEFAULTS: dict[str, Row] = worlds.DEFAULTS | {
    "company": {
        "legal_name": "Nordlys",
        "country_code": "DK",
        "functional_currency": "DKK",
        "fiscal_year_start_month": 1,
        "timezone": "Europe/Copenhagen",
        "is_elimination": False,
    },
    "accounting_period": {"company_id": "DK", "fiscal_year": 2026, "is_adjustment": False, "status": "open"},
    "fx_rate": {"rate_type": "spot", "rate_source": "ECB"},
    "gl_account": {"company_id": "DK", "is_active": True},
    "gl_entry": worlds.DEFAULTS["gl_entry"] | {"company_id": "DK", "entered_at": AT},
    "customer": worlds.DEFAULTS["customer"] | {"created_at": AT},
    "vendor": {
        "name": "Supplier",
        "country_code": "DK",
        "currency_code": "DKK",
        "payment_terms_days": 30,
        "status": "active",
    },
    "invoice": {
        "company_id": "DK",
        "direction": "receivable",
        "document_type": "invoice",
        "party_id": "C1",
        "currency_code": "DKK",
        "fx_rate": 1,
        "status": "posted",
    },
    "invoice_line": {"line_number": 1, "quantity": 1, "tax_amount": 0, "currency_code": "DKK"},
    "payment": {
        "company_id": "DK",
        "direction": "inbound",
        "party_type": "customer",
        "party_id": "C1",
        "method": "bank_transfer",
        "bank_account_id": "DK-BANK",
        "currency_code": "DKK",
        "fx_rate": 1,
        "status": "cleared",
    },
    "payment_allocation": {"currency_code": "DKK", "fx_gain_loss_base": 0},
    "bank_account": {"company_id": "DK", "currency_code": "DKK", "is_active": True},
    "bank_statement": {"bank_account_id": "DK-BANK", "currency_code": "DKK"},
    "bank_transaction": {"bank_account_id": "DK-BANK", "currency_code": "DKK", "is_reversal": False},
    "settlement": {"provider": "Kortnet", "company_id": "DK", "currency_code": "DKK", "status": "settled"},
    "purchase_order": {
        "company_id": "DK",
        "vendor_id": "V1",
        "ordered_at": AT,
        "currency_code": "DKK",
        "net_amount": 0,
        "status": "sent",
    },
    "purchase_order_line": {
        "line_number": 1,
        "product_id": "P1",
        "received_qty": 0,
        "rejected_qty": 0,
        "currency_code": "DKK",
    },
    "stock_movement": {"company_id": "DK", "product_id": "P1", "location_id": "W1", "movement_type": "receipt"},
    "location": {
        "company_id": "DK",
        "name": "Warehouse",
        "location_type": "warehouse",
        "country_code": "DK",
        "timezone": "Europe/Copenhagen",
    },
    "sales_order": worlds.DEFAULTS["sales_order"] | {"company_id": "DK", "customer_id": "C1", "received_at": AT},
    "shipment": {"direction": "outbound", "status": "delivered", "shipped_at": AT, "currency_code": "DKK"},
    "shipment_line": {},
    "shipment_event": {"event_type": "picked_up"},
    "payroll_run": {"company_id": "DK", "run_type": "regular", "status": "paid", "currency_code": "DKK"},
    "payslip": {
        "employee_tax": 0,
        "employee_deductions": 0,
        "reimbursements": 0,
        "employer_cost": 0,
        "currency_code": "DKK",
    },
    "payslip_line": {"currency_code": "DKK"},
}


def begin(project_dir: Path, home: Path, as_of: datetime = TODAY) -> World:
    """A world of nothing, whose builds are made at one instant."""
    morning = as_of - timedelta(hours=3)  # rows land before the build, and nothing is dated after its row
    return World(Settings(project_dir=project_dir, home=home), now=morning, defaults=DEFAULTS, as_of=as_of)


def copy_of(world: World, home: Path) -> World:
    """A world as another one stands now: what is landed and built in it stays its own."""
    shutil.copytree(world.settings.home, home, ignore=shutil.ignore_patterns("logs"))
    settings = Settings(project_dir=world.settings.project_dir, home=home)
    return World(settings, now=world.now, defaults=DEFAULTS, as_of=world.as_of)


def failing(world: World, as_of: str, *select: str) -> dict[str, list[Row]]:
    """Run tests of the dbt project on what is built: the rows of those that fail, by test."""
    variables = {
        "generation": 1,
        "published_generation": 0,
        "as_of": as_of,
        "published_as_of": "1900-01-01 00:00:00+00",
    }
    found: dict[str, list[Row]] = {}
    for result in dbt.run_dbt(world.settings, ["test", "--select", *select], variables):
        if str(result.status) == "pass":
            continue
        assert str(result.status) in ("fail", "warn"), result.message
        found[result.node.name] = _rows(world, result.node.compiled_code)
    return found


def _rows(world: World, query: str) -> list[Row]:
    world.query(f"CREATE OR REPLACE TABLE main.breaking AS {query}")
    names = [str(row[0]) for row in world.query("DESCRIBE main.breaking")]
    rows = [dict(zip(names, row, strict=True)) for row in world.query("FROM main.breaking ORDER BY ALL")]
    world.query("DROP TABLE main.breaking")
    return rows


def frame() -> list[Change]:
    """Firms, their accounts, banks and rates, customers, vendors, an item and a place to keep it."""
    us = {"company_id": "US", "country_code": "US", "functional_currency": "USD", "timezone": "America/New_York"}
    rate = {"to_currency": "DKK", "rate_date": "2025-12-31"}
    changes: list[Change] = [
        ("company", "c", {"company_id": "DK"}),
        ("company", "c", us),
        ("fx_rate", "c", rate | {"from_currency": "EUR", "rate": "7.5"}),
        ("fx_rate", "c", rate | {"from_currency": "USD", "rate": "7"}),
    ]
    changes += [("gl_account", "c", _account(firm, number)) for firm in ("DK", "US") for number in ACCOUNTS]
    bank = {"bank_account_id": "US-BANK", "company_id": "US", "currency_code": "USD", "gl_account_id": f"US-{BANK}"}
    discount = {"early_discount_pct": 2, "early_discount_days": 10}
    changes += [
        ("bank_account", "c", {"bank_account_id": "DK-BANK", "gl_account_id": f"DK-{BANK}"}),
        ("bank_account", "c", bank),
        ("customer", "c", {"customer_id": "C1", "credit_limit": 1000}),
        ("customer", "c", {"customer_id": "C2", "credit_limit": 500}),
        ("vendor", "c", {"vendor_id": "V1", "vendor_number": "V1"}),
        ("vendor", "c", {"vendor_id": "V2", "vendor_number": "V2"} | discount),
        ("location", "c", {"location_id": "W1"}),
        ("product", "c", {"product_id": "P1"}),
    ]
    return changes


def _account(firm: str, number: str) -> Row:
    name, kind, account_type, side, controls = ACCOUNTS[number]
    return {
        "account_id": f"{firm}-{number}",
        "company_id": firm,
        "account_number": number,
        "account_name": name,
        "account_class": kind,
        "account_type": account_type,
        "normal_balance": side,
        "control_for": controls,
    }


def journal(
    number: str, day: str, lines: Sequence[tuple[str, Any]], source: tuple[str, str] | None = None, **values: Any
) -> list[Change]:
    """A posted voucher: (account number, amount) lines, debit positive, in the firm's currency unless values say else.

    A line may be (account, amount, amount in the firm's currency) where they differ.
    """
    firm = str(values.get("company_id", "DK"))
    changes: list[Change] = []
    for position, (account, amount, *home) in enumerate(lines, 1):
        own, base = Decimal(str(amount)), Decimal(str(home[0] if home else amount))
        row = {
            "entry_id": f"{number}-{position}",
            "journal_id": number,
            "line_number": position,
            "posting_date": day,
            "account_id": f"{firm}-{account}",
            "debit": max(own, Decimal(0)),
            "credit": max(-own, Decimal(0)),
            "debit_base": max(base, Decimal(0)),
            "credit_base": max(-base, Decimal(0)),
        }
        row |= {"source_document_type": source[0], "source_document_id": source[1]} if source else {}
        changes.append(("gl_entry", "c", row | values))
    return changes


def invoice(
    number: str, day: str, due: str, amount: Any, lines: Sequence[Row] = (), post: bool = True, **values: Any
) -> list[Change]:
    """A document of ours or (direction payable) a bill, with one line unless some are given, and its voucher.

    ``amount`` is net and gross: without tax. ``fx_rate`` gives the amounts in the firm's currency.
    """
    row: Row = {"invoice_id": number, "invoice_number": number, "invoice_date": day, "due_date": due} | values
    base = Decimal(str(amount)) * Decimal(str(row.get("fx_rate", 1)))
    row = {"net_amount": amount, "tax_amount": 0, "gross_amount": amount} | row
    row = {"net_amount_base": base, "tax_amount_base": 0, "gross_amount_base": base} | row
    changes: list[Change] = [("invoice", "c", row)]
    currency = row.get("currency_code", "DKK")
    for position, line in enumerate(lines or [_line(Decimal(str(amount)))], 1):
        own = {"invoice_line_id": f"{number}-{position}", "invoice_id": number, "line_number": position}
        changes.append(("invoice_line", "c", own | {"currency_code": currency} | line))
    if post:
        payable = row.get("direction") == "payable"
        both = (
            [(AP, -amount, -base), (COSTS, amount, base)] if payable else [(AR, amount, base), (SALES, -amount, -base)]
        )
        changes += journal(f"J{number}", day, both, ("invoice", number), **_head(row))
    return changes


def _line(amount: Decimal) -> Row:
    return {"quantity": 1 if amount >= 0 else -1, "unit_price": abs(amount), "net_amount": amount}


def paid(
    number: str, day: str, amount: Any, applied: Sequence[tuple[str, Any]] = (), post: bool = True, **values: Any
) -> list[Change]:
    """Money in from a customer, or (direction outbound) out to a vendor; what it settles; its voucher.

    ``applied`` are (document, amount), or with amounts in the firm's currency (document, amount, what it clears at the
    document's rate, gain of exchange).
    """
    row: Row = {"payment_id": number, "payment_date": day, "amount": amount} | values
    row = {"amount_base": Decimal(str(amount)) * Decimal(str(row.get("fx_rate", 1)))} | row
    if row.get("direction") == "outbound":
        row = {"party_type": "vendor", "party_id": "V1"} | row
    changes: list[Change] = [("payment", "c", row)]
    cleared = gained = Decimal(0)
    for position, (document, settled, *home) in enumerate(applied, 1):
        at_rate, gain = (Decimal(str(value)) for value in (home or (settled, 0)))
        own = {"allocation_id": f"{number}-{position}", "payment_id": number, "invoice_id": document}
        own |= {"applied_date": day, "amount_applied": settled, "amount_applied_base": at_rate}
        own |= {"currency_code": row.get("currency_code", "DKK"), "fx_gain_loss_base": gain}
        changes.append(("payment_allocation", "c", own))
        cleared, gained = cleared + at_rate, gained + gain
    if post:
        changes += _posted(row, cleared, gained)
    return changes


def _posted(row: Row, cleared: Decimal, gained: Decimal) -> list[Change]:
    """What is not applied yet is owed to the customer (or by the vendor) at the payment's rate."""
    amount, base = Decimal(str(row["amount"])), Decimal(str(row["amount_base"]))
    inbound = row.get("direction", "inbound") == "inbound"
    sign = 1 if inbound else -1
    control = base - sign * gained
    lines = [(BANK, sign * amount, sign * base), (AR if inbound else AP, -sign * amount, -sign * control)]
    lines += [(FX, 0, -gained)] if gained else []
    return journal(f"J{row['payment_id']}", row["payment_date"], lines, ("payment", row["payment_id"]), **_head(row))


def _head(row: Row) -> Row:
    return {name: row[name] for name in ("company_id", "currency_code") if name in row}


def build_ungated(world: World) -> None:
    """Load and build what landed; nothing is judged, so what is wrong stays in."""
    with open_warehouse(world.settings) as connection:
        load(connection, world.store, world.sources(), fingerprint=dbt.fingerprint(world.settings), holder="test")
        planned = build.plan(connection)
    chosen = ["--select", *planned.select, "--exclude", "config.materialized:view"]
    variables = planned.variables | {"as_of": str(world.as_of)}
    results = dbt.run_dbt(world.settings, ["run", *chosen], variables)
    assert {str(result.status) for result in results} == {"success"}, [result.message for result in results]
