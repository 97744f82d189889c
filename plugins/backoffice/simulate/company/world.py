"""What the company knows: everything a day's business needs of the days before. Pickled as the checkpoint."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from backoffice.simulate.company.book import Row


@dataclass(slots=True)
class Firm:
    """A legal entity; percentages are hundredths of a percent."""

    no: int
    code: str
    title: str
    land: str
    currency: str
    zone: str
    tax_no: str
    vat: int
    office: str
    shop: str
    reserve: str
    iban: str
    orders_a_day: float
    accounts: tuple[str, ...] = ()
    euro_iban: str = ""


@dataclass(slots=True)
class Item:
    """Something on sale; money in cents."""

    no: int
    title: str
    unit: str
    cost: int
    demand: dict[int, float]
    creditor: dict[int, int]
    prices: dict[str, int]
    row: Row = field(default_factory=dict)
    price_rows: dict[str, Row] = field(default_factory=dict)


@dataclass(slots=True)
class Debtor:
    """A customer of one firm. ``habit`` is how many days late they tend to pay."""

    no: int
    firm: int
    name: str
    land: str
    currency: str
    language: str
    segment: str
    pay_days: int
    discount: int
    domestic: bool
    habit: float
    iban: str
    row: Row = field(default_factory=dict)


@dataclass(slots=True)
class Creditor:
    """A vendor of one firm; ``monthly`` is what services cost a month, in cents before tax."""

    no: int
    firm: int
    name: str
    land: str
    currency: str
    trade: str
    pay_days: int
    iban: str
    tax_no: str
    e_format: int
    account: str = ""
    monthly: int = 0
    bills: int = 0
    row: Row = field(default_factory=dict)


@dataclass(slots=True)
class Person:
    """Somebody who works for a firm; ``pay`` is cents a month, of freelancers cents an hour."""

    no: int
    firm: int
    name: str
    unit: str
    area: int
    title: str
    engagement: str
    mode: str
    pay: int
    currency: str
    hired: date
    boss: int | None = None
    left: date | None = None
    creditor: int | None = None
    iban: str = ""
    hours: int = 0
    row: Row = field(default_factory=dict)
    job: Row = field(default_factory=dict)
    pay_rows: list[Row] = field(default_factory=list)
    assets: list[Row] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Whether the person has not left yet."""
        return self.left is None


@dataclass(slots=True)
class Stock:
    """Of an item at a place: pieces, what they are worth in cents of the firm's currency, and pieces promised."""

    qty: int = 0
    worth: int = 0
    reserved: int = 0

    @property
    def free(self) -> int:
        """What can be promised."""
        return self.qty - self.reserved


@dataclass(slots=True)
class Order:
    """An order that is not done with; ``billed`` is the invoice of a position, with its rate."""

    no: int
    firm: int
    debtor: int
    row: Row
    lines: list[Row]
    open_qty: dict[int, int]
    reserved: dict[int, int]
    freight_billed: bool = False
    by_card: bool = False
    tries: int = 0
    deliveries: int = 0
    delivered: int = 0
    invoiced: int = 0
    unbilled: dict[int, dict[int, int]] = field(default_factory=dict)
    billed: dict[int, tuple[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Delivery:
    """A parcel on its way, with what it holds: position of the order → pieces."""

    no: int
    order: int
    qty: dict[int, int]
    row: Row


@dataclass(slots=True)
class Invoice:
    """An invoice that is not settled; ``left`` and ``left_home`` are still open, in cents."""

    no: str
    firm: int
    party: int
    currency: str
    rate: int
    left: int
    left_home: int
    row: Row
    lines: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Purchase:
    """An order of ours at a vendor."""

    no: int
    firm: int
    creditor: int
    row: Row
    lines: list[Row]


@dataclass(slots=True)
class BankAccount:
    """What the bank knows of an account; entries are those no statement told yet."""

    iban: str
    bic: str
    firm: int
    currency: str
    acct: str
    balance: int = 0
    told: int = 0
    statements: int = 0
    references: int = 0
    told_until: date | None = None
    entries: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """The whole company between two days; ``volume`` and ``faults`` count from its next day on."""

    seed: int
    born: date
    today: date | None = None
    volume: float = 1.0
    faults: float = 0.0
    fault_kinds: str = ""
    counters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    queue: dict[date, dict[str, list[Any]]] = field(default_factory=dict)
    rates: dict[str, int] = field(default_factory=dict)
    rate_sums: dict[str, list[int]] = field(default_factory=dict)
    firms: dict[int, Firm] = field(default_factory=dict)
    units: dict[str, Row] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    popular: dict[int, list[float]] = field(default_factory=dict)
    debtors: dict[int, list[Debtor]] = field(default_factory=dict)
    customers: dict[int, Debtor] = field(default_factory=dict)
    busy: dict[int, list[float]] = field(default_factory=dict)
    creditors: dict[int, Creditor] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    leaving: float = 0.0
    stock: dict[tuple[int, int, str], Stock] = field(default_factory=dict)
    coming: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    orders: dict[int, Order] = field(default_factory=dict)
    deliveries: dict[int, Delivery] = field(default_factory=dict)
    receivable: dict[str, Invoice] = field(default_factory=dict)
    credits: dict[int, list[Invoice]] = field(default_factory=dict)
    cards: dict[tuple[int, date], list[Row]] = field(default_factory=dict)
    payable: dict[str, Invoice] = field(default_factory=dict)
    purchases: dict[int, Purchase] = field(default_factory=dict)
    banks: dict[str, BankAccount] = field(default_factory=dict)
    balances: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    months: dict[tuple[int, int, int], Row] = field(default_factory=dict)
    tickets: dict[int, Row] = field(default_factory=dict)
    tasks: dict[int, Row] = field(default_factory=dict)
    cases: dict[int, Row] = field(default_factory=dict)
    vacancies: dict[int, Row] = field(default_factory=dict)
    courses: dict[int, Row] = field(default_factory=dict)
    documents: dict[str, Row] = field(default_factory=dict)
    filings: dict[str, Row] = field(default_factory=dict)
    hours: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def number(self, series: str, first: int = 1) -> int:
        """The next number of a series."""
        self.counters[series] = self.counters.get(series, first - 1) + 1
        return self.counters[series]

    def later(self, day: date, kind: str, what: Any) -> None:
        """Have something happen on a day that has not begun, or later on this one."""
        self.queue.setdefault(day, {}).setdefault(kind, []).append(what)

    def firm_stock(self, firm: int, item: int, place: str) -> Stock:
        """The stock of an item at a place."""
        return self.stock.setdefault((firm, item, place), Stock())

    def staff(self, firm: int, *areas: int) -> list[Person]:
        """Who works there now, by number; freelancers and outsourced people are not staff."""
        return [
            person
            for person in self.people.values()
            if person.firm == firm and person.works and person.engagement == "P" and (not areas or person.area in areas)
        ]


_SHAPES = (Firm, Item, Debtor, Creditor, Person, Stock, Order, Delivery, Invoice, Purchase, BankAccount, World)


def shape() -> str:
    """Of everything above: a checkpoint of another shape is refused."""
    text = repr([(kind.__name__, [(field.name, str(field.type)) for field in fields(kind)]) for kind in _SHAPES])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
