"""Random small batches of a company's finance: what happens in a day, and what goes wrong with the rows of it.

In: a world with :func:`tests.finance.world.frame` and :func:`people` landed. Each call of :meth:`Chance.land` is one
batch. The books stay such that every total holds, except between ``withheld`` rows and what explains them, which
:meth:`Chance.settle` lands; what one row breaks is quarantined by its rule and comes back later, or never.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.finance import trade
from tests.finance.world import AR, BANK, COSTS, LOSSES, SALES, VAT_OUT, Change, Row, invoice, journal, paid
from tests.warehouse.world import World

NET_PAY, WAGES, LATER, EURO_BANK = "2300", "6000", "69", "1010"
BILL = {"direction": "payable", "party_id": "V1"}
EURO = {"currency_code": "EUR", "fx_rate": "7.5"}
PEOPLE = ("E1", "E2", "E3")


@dataclass
class Document:
    """An invoice or a bill that is in the books: its own rows, and what is open."""

    rows: list[Change]
    open: Decimal

    @property
    def head(self) -> Row:
        """Its header."""
        return self.rows[0][2]


@dataclass
class Chance:
    """What has happened in a world, and what may happen next."""

    world: World
    rng: random.Random
    documents: dict[str, Document] = field(default_factory=dict)
    drafts: dict[str, list[Change]] = field(default_factory=dict)
    applied: dict[str, Row] = field(default_factory=dict)  # in kroner, by number of the application
    unbooked: list[tuple[str, Decimal]] = field(default_factory=list)  # payments the bank has not told of
    balance: Decimal = Decimal(0)
    statements: int = 0
    broken: dict[str, list[Change]] = field(
        default_factory=dict
    )  # invoices that are out, and how the source mends them
    late: list[Change] = field(default_factory=list)  # rows that come in a later batch
    withheld: list[Change] = field(default_factory=list)  # what explains a total that does not hold
    last: list[Change] = field(default_factory=list)
    number: int = 0

    def land(self) -> None:
        """Land one batch: mostly changes, sometimes the batch before once more, a file that is a day old, or a table as
        a whole with rows missing.
        """
        kind = self.rng.random()
        if kind < 0.1 and self.last:
            self.world.land(*self.last)
        elif kind < 0.15:
            rates = [_rate(day, self.rng.choice(("6.5", "7"))) for day in ("2026-01-31", "2026-02-28", "2026-03-31")]
            self.world.land(*self.rng.sample(rates, 2), full=frozenset({"fx_rate"}))
        else:
            now, back = self.world.now, timedelta(hours=20 if kind < 0.25 else 0)
            self.world.now -= back
            self.last = self._changes()
            self.world.land(*self.last)
            self.world.now = max(now, self.world.now)

    def settle(self) -> None:
        """Land everything that is still to come, so that every total holds."""
        rest = self.late + self.withheld
        self.late, self.withheld = [], []
        self.world.land(*rest, *self.sale())

    def decide(self) -> None:
        """A person releases what is out, or holds a document, or lets it go."""
        if self.broken and self.rng.random() < 0.5:
            number = self.rng.choice(sorted(self.broken))
            self.world.decide("release", document="invoice", document_key=number)
        elif self.documents:
            number = self.rng.choice(sorted(self.documents))
            self.world.decide(self.rng.choice(("hold", "unhold")), document="invoice", document_key=number)

    def _changes(self) -> list[Change]:
        made: list[Change] = []
        if self.rng.random() < 0.6:
            made, self.late = self.late, []
        if self.withheld and self.rng.random() < 0.5:
            made, self.withheld = made + self.withheld, []
        happens: list[Callable[[], list[Change]]] = [
            *(self.sale, self.bill, self.pay, self.pay, self.pay, self.credit, self.draft, self.post_draft),
            *(self.delete_draft, self.correct, self.take_back, self.manual, self.statement, self.goods, self.order),
            *(self.late_lines, self.late_account, self.fault, self.mend, self.payroll, self.master, self.unexplained),
        ]
        for happening in self.rng.choices(happens, k=self.rng.randint(5, 12)):
            made += happening()
        return made or self.sale()

    def _next(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def _day(self) -> str:
        """Any day of the first hundred: most of what comes is dated back."""
        return str(date(2026, 1, 1) + timedelta(days=self.rng.randint(0, 99)))

    def _amount(self) -> Decimal:
        return Decimal(self.rng.randint(100, 99999)) / 100

    def _document(self, letter: str, **values: Any) -> list[Change]:
        number, day, amount = self._next(letter), self._day(), self._amount()
        due = str(date.fromisoformat(day) + timedelta(days=self.rng.choice((0, 14, 30))))
        amount = amount.quantize(Decimal(1)) if "fx_rate" in values else amount
        return invoice(number, day, due, amount, **values)

    def sale(self, **values: Any) -> list[Change]:
        """An invoice of ours, one in four in euros."""
        abroad = EURO if self.rng.random() < 0.25 else {}
        rows = self._document("S", party_id=self.rng.choice(("C1", "C2")), **abroad, **values)
        self.documents[rows[0][2]["invoice_id"]] = Document(rows, Decimal(rows[0][2]["gross_amount"]))
        return list(rows)

    def bill(self) -> list[Change]:
        """One of a vendor's."""
        rows = self._document("B", **BILL, **(EURO if self.rng.random() < 0.25 else {}))
        self.documents[rows[0][2]["invoice_id"]] = Document(rows, Decimal(rows[0][2]["gross_amount"]))
        return list(rows)

    def _to_settle(self) -> Document | None:
        candidates = [document for document in self.documents.values() if document.open >= 1]
        return self.rng.choice(candidates) if candidates else None

    def pay(self) -> list[Change]:
        """A document is paid: in kroner often in part and with cash on account, in euros in full at another rate."""
        document = self._to_settle()
        if document is None:
            return []
        number, head = self._next("P"), document.head
        out = head.get("direction") == "payable"
        values: Row = {"direction": "outbound", "reference": number} if out else {}
        values["party_id"] = head.get("party_id", "C1")
        if "fx_rate" in head:
            changes = self._paid_abroad(number, document, values)
        else:
            changes = self._paid_at_home(number, document, values)
        return changes + self._status(document)

    def _paid_at_home(self, number: str, document: Document, values: Row) -> list[Change]:
        part = document.open if self.rng.random() < 0.6 else (document.open / 2).quantize(Decimal("0.01"))
        more = self.rng.choice((0, 0, 0, 25))
        document.open -= part
        rows = paid(number, self._day(), part + more, [(document.head["invoice_id"], part)], **values)
        self.applied |= {row["allocation_id"]: row for table, _, row in rows if table == "payment_allocation"}
        self.unbooked.append((number, (part + more) * (-1 if "direction" in values else 1)))
        return rows

    def _paid_abroad(self, number: str, document: Document, values: Row) -> list[Change]:
        amount, document.open = document.open, Decimal(0)
        at_rate, base = amount * Decimal("7.5"), amount * Decimal("7.4")
        gain = (at_rate - base) * (1 if "direction" in values else -1)
        applied = [(document.head["invoice_id"], amount, at_rate, gain)]
        euros = {"currency_code": "EUR", "fx_rate": "7.4", "bank_account_id": "DK-EUR"}
        rows = paid(number, self._day(), amount, applied, **values, **euros)
        bank, own = f"DK-{BANK}", {"account_id": f"DK-{EURO_BANK}"}
        return [(table, op, row | (own if row.get("account_id") == bank else {})) for table, op, row in rows]

    def _status(self, document: Document) -> list[Change]:
        """The header as it stands after something was applied, or taken back."""
        document.head["status"] = "posted" if document.open else "paid"
        return [("invoice", "u", dict(document.head))]

    def credit(self) -> list[Change]:
        """A credit note for a part of an invoice in kroner, used at once."""
        document = self._to_settle()
        if document is None or "fx_rate" in document.head or document.open < 4:
            return []
        kind, amount = dict(document.head), (document.open / 2).quantize(Decimal(1))
        number, day = self._next("N"), self._day()
        who = {name: kind[name] for name in ("direction", "party_id") if name in kind}
        rows = invoice(number, day, day, -amount, document_type="credit_note", status="paid", **who)
        document.open -= amount
        used = trade.applied(self._next("A"), kind["invoice_id"], day, amount, credit_note_id=number)
        return [*rows, used, *self._status(document)]

    def take_back(self) -> list[Change]:
        """An application is undone, or deleted at the source; the document is open again."""
        if not self.applied:
            return []
        number = self.rng.choice(sorted(self.applied))
        row = self.applied.pop(number)
        document = self.documents[row["invoice_id"]]
        document.open += row["amount_applied"]
        if self.rng.random() < 0.5:
            gone: Change = ("payment_allocation", "d", {"allocation_id": number})
        else:
            gone = ("payment_allocation", "u", row | {"unapplied_date": "2026-04-12"})
        return [gone, *self._status(document)]

    def draft(self) -> list[Change]:
        """An invoice that is no claim yet."""
        rows = self._document("D", post=False, status="draft")
        self.drafts[rows[0][2]["invoice_id"]] = rows
        return list(rows)

    def post_draft(self) -> list[Change]:
        """It becomes one, dated otherwise than it was and with another amount."""
        if not self.drafts:
            return []
        number = self.rng.choice(sorted(self.drafts))
        del self.drafts[number]
        rows = invoice(number, self._day(), "2026-05-01", self._amount())
        self.documents[number] = Document(rows, Decimal(rows[0][2]["gross_amount"]))
        return [(table, "c" if table == "gl_entry" else "u", row) for table, _, row in rows]

    def delete_draft(self) -> list[Change]:
        """Or is deleted; its line goes along one time in two."""
        if not self.drafts:
            return []
        number = self.rng.choice(sorted(self.drafts))
        del self.drafts[number]
        line: Change = ("invoice_line", "d", {"invoice_line_id": f"{number}-1"})
        return [("invoice", "d", {"invoice_id": number}), *([line] if self.rng.random() < 0.5 else [])]

    def correct(self) -> list[Change]:
        """What the ledger does not hold is corrected: when it is due, what it was for."""
        if not self.documents:
            return []
        document = self.documents[self.rng.choice(sorted(self.documents))]
        document.head["due_date"] = self._day() if self.rng.random() < 0.5 else "2026-05-15"
        return [("invoice", "u", dict(document.head))]

    def manual(self) -> list[Change]:
        """A journal by hand, dated back."""
        amount = self._amount()
        return journal(self._next("M"), self._day(), [(COSTS, amount), (LOSSES, -amount)], ("manual", "x"))

    def statement(self) -> list[Change]:
        """The bank tells of some payments it had not told of."""
        booked = [item for item in self.unbooked if self.rng.random() < 0.7]
        self.unbooked = [item for item in self.unbooked if item not in booked]
        day = str(date(2026, 1, 2) + timedelta(days=self.statements))
        self.statements += 1
        name, opening = f"T{self.statements}", self.balance
        self.balance += sum(amount for _, amount in booked)
        row = {"statement_id": name, "sequence_number": self.statements, "from_date": day, "to_date": day}
        changes: list[Change] = [
            ("bank_statement", "c", row | {"opening_balance": opening, "closing_balance": self.balance})
        ]
        for payment, amount in booked:
            entry = {"bank_transaction_id": f"{name}-{payment}", "statement_id": name, "booking_date": day}
            changes.append(("bank_transaction", "c", entry | {"amount": amount, "end_to_end_id": payment}))
        return changes

    def goods(self) -> list[Change]:
        """Goods are ordered, come, and are billed in full or in part."""
        order, came = self._next("O"), self.rng.randint(2, 9)
        line = {"ordered_qty": came + 1, "unit_price": 5, "received_qty": came}
        changes = [*trade.ordered(order, line), *trade.received(f"{order}-1", self._day(), came, 5)]
        if self.rng.random() < 0.7:
            bill = trade.billed(self._next("B"), self._day(), "2026-04-30", f"{order}-1", self.rng.randint(1, came), 5)
            self.documents[bill[0][2]["invoice_id"]] = Document(bill, Decimal(bill[0][2]["gross_amount"]))
            changes += bill
        return changes

    def order(self) -> list[Change]:
        """A customer orders."""
        return trade.sold(self._next("K"), self.rng.randint(1, 9), self.rng.choice(("confirmed", "on_hold")), {})

    def late_lines(self) -> list[Change]:
        """A line lands before the invoice it is of, or after it."""
        rows = self.sale()
        lines = [row for row in rows if row[0] == "invoice_line"]
        others = [row for row in rows if row[0] != "invoice_line"]
        first, second = (lines, others) if self.rng.random() < 0.5 else (others, lines)
        self.late += second
        return first

    def late_account(self) -> list[Change]:
        """A journal lands before the account it is on."""
        amount, number = self._amount(), f"{LATER}{self.number}"
        row = {"account_id": f"DK-{number}", "account_number": number, "account_name": "New", "normal_balance": "debit"}
        self.late.append(("gl_account", "c", row | {"account_class": "expense", "account_type": "operating_expense"}))
        return journal(self._next("M"), self._day(), [(number, amount), (LOSSES, -amount)], ("manual", "x"))

    def fault(self) -> list[Change]:
        """A row that cannot be accepted, at the landing gate or at the mart gate; the source can mend invoices."""
        kind = self.rng.choice(("terms", "lines", "lines", "twice", "journal"))
        if kind == "journal":
            return journal(self._next("M"), self._day(), [(COSTS, 10), (LOSSES, "-9.99")], ("manual", "x"))
        rows = self._document("F", **({"payment_terms_days": -1} if kind == "terms" else {}))
        number, (_, _, head), (_, _, line) = rows[0][2]["invoice_id"], *rows[:2]
        if kind == "terms":
            self.broken[number] = [("invoice", "u", head | {"payment_terms_days": 30})]
        elif kind == "lines":
            self.broken[number] = [("invoice_line", "u", line)]
            wrong = line["net_amount"] + 1
            rows[1] = ("invoice_line", "c", line | {"net_amount": wrong, "unit_price": wrong})
        else:
            again = head["gross_amount"]
            rows += journal(f"J{number}-2", head["invoice_date"], [(AR, again), (SALES, -again)], ("invoice", number))
        return rows

    def mend(self) -> list[Change]:
        """The source sends the right row."""
        if not self.broken:
            return []
        return self.broken.pop(self.rng.choice(sorted(self.broken)))

    def payroll(self) -> list[Change]:
        """A run of three people with its journal and its bank file; at times a slip comes later."""
        run, day = self._next("R"), self._day()
        first = date.fromisoformat(day).replace(day=1)
        until = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        row = {"payroll_run_id": run, "period_start": first, "period_end": until, "pay_date": day}
        slips = [_slip(run, who, day, Decimal(self.rng.randint(90, 110))) for who in PEOPLE]
        net = sum((slip[0][2]["amount"] for slip in slips), Decimal(0))
        changes: list[Change] = [("payroll_run", "c", row | {"journal_id": f"J-{run}"})]
        wages = [(WAGES, net), (NET_PAY, -net)]
        changes += journal(f"J-{run}", day, wages, ("payslip", run), journal_type="payroll")
        changes += journal(f"K-{run}", day, [(NET_PAY, net), (BANK, -net)], ("payment", run))
        self.unbooked += [(slip[0][2]["payment_id"], -slip[0][2]["amount"]) for slip in slips]
        if self.rng.random() < 0.3:
            late = slips.pop()
            self.withheld += late[1:]
            changes += late[:1]
        return changes + [change for slip in slips for change in slip]

    def master(self) -> list[Change]:
        """Something is known otherwise than before about a customer, a vendor, an account or a rate."""
        changes: list[Change] = [
            ("customer", "u", {"customer_id": "C1", "credit_limit": self.rng.choice((500, 1000))}),
            ("vendor", "u", {"vendor_id": "V1", "vendor_number": "V1", "name": self.rng.choice("XYZ")}),
            _rate(self._day(), self.rng.choice(("6.8", "7.1"))),
            ("product", "u", {"product_id": "P1", "category": self.rng.choice("NSEW")}),
        ]
        return [self.rng.choice(changes)]

    def unexplained(self) -> list[Change]:
        """Tax of a document nobody knows: no document can be named, the build is withheld until it is taken back."""
        number, day = self._next("X"), self._day()
        lines = [(COSTS, 10), (VAT_OUT, -10)]
        back = [(account, -amount) for account, amount in lines]
        self.withheld += journal(f"{number}R", day, back, ("invoice", number), is_reversal=True)
        return journal(number, day, lines, ("invoice", number))


def _rate(day: str, value: str) -> Change:
    row = {"from_currency": "USD", "to_currency": "DKK", "rate_date": day, "rate_type": "closing", "rate": value}
    return ("fx_rate", "u", row)


def _slip(run: str, who: str, day: str, net: Decimal) -> list[Change]:
    """The payment of a slip, and the slip with its line: a wage without tax."""
    payment, slip = f"P-{run}-{who}", f"{run}-{who}"
    file: Row = {"payment_id": payment, "payment_date": day, "run_id": run, "amount": net, "amount_base": net}
    file |= {"direction": "outbound", "party_type": "employee", "party_id": who, "method": "payroll_file"}
    row: Row = {"payslip_id": slip, "payroll_run_id": run, "employee_id": who, "payment_id": payment}
    line: Row = {"payslip_line_id": f"{slip}-1", "payslip_id": slip, "component": "base_salary"}
    return [
        ("payment", "c", file),
        ("payslip", "c", row | {"gross_pay": net, "net_pay": net}),
        ("payslip_line", "c", line | {"line_type": "earning", "amount": net}),
    ]


def people() -> list[Change]:
    """Who is paid, and the accounts of it."""
    changes: list[Change] = []
    for number, name, kind, account_type, controls in (
        (NET_PAY, "Net pay", "liability", "payroll_liability", "payroll"),
        (WAGES, "Salaries", "expense", "payroll_expense", None),
        (EURO_BANK, "Bank, euro", "asset", "bank", "bank"),
    ):
        row: Row = {"account_id": f"DK-{number}", "account_number": number, "account_name": name}
        row |= {"account_class": kind, "account_type": account_type, "control_for": controls}
        changes.append(("gl_account", "c", row | {"normal_balance": "debit"}))
    euro = {"bank_account_id": "DK-EUR", "currency_code": "EUR", "gl_account_id": f"DK-{EURO_BANK}"}
    changes.append(("bank_account", "c", euro))
    changes.append(("department", "c", {"department_id": "D1", "name": "D1", "company_id": "DK"}))
    for who in PEOPLE:
        job: Row = {"employment_id": f"J{who}", "employee_id": who, "company_id": "DK"}
        changes += [("employee", "c", {"employee_id": who}), ("employment", "c", job)]
    return changes
