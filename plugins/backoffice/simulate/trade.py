"""What the made-up history and the live demo have in common: countries, exchange rates, prices, clients and orders."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from backoffice.simulate import words

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Country:
    """Where clients are.

    Args:
        currency: of their orders.
        region: sales territory, ``EU`` or ``AM``.
        vat_rate: on their orders; none on exports and within the reverse charge.
        weight: share of the clients.
    """

    currency: str
    region: str
    language: str
    vat_rate: Decimal
    weight: int


COUNTRIES = {
    "DK": Country("DKK", "EU", "da-DK", Decimal("0.2500"), 45),
    "DE": Country("EUR", "EU", "de-DE", Decimal(0), 18),
    "FR": Country("EUR", "EU", "fr-FR", Decimal(0), 6),
    "NL": Country("EUR", "EU", "nl-NL", Decimal(0), 6),
    "US": Country("USD", "AM", "en-US", Decimal(0), 25),
}

_CHANNELS = {"W": 40, "E": 20, "S": 14, "M": 12, "P": 8, "K": 6}
_DISCOUNTS = {"0": 70, "0.05": 15, "0.1": 10, "0.15": 5}
_MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Item:
    """An item as an order needs it; the price is in kroner."""

    item_no: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Buyer:
    """A client as an order needs it."""

    client_no: int
    country: str
    currency: str
    keeper_no: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """An order line; prices are in the order's currency."""

    item_no: int
    quantity: Decimal
    price: Decimal
    list_price: Decimal
    discount: Decimal

    @property
    def net(self) -> Decimal:
        """As the database computes it: rounded half up to cents."""
        return (self.quantity * self.price * (1 - self.discount)).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Order:
    """An order before it has a number."""

    buyer: Buyer
    channel: str
    exchange_rate: Decimal
    vat_rate: Decimal
    freight: Decimal
    wanted_on: date
    lines: tuple[Line, ...]

    @property
    def net(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def vat(self) -> Decimal:
        """On net and freight."""
        return ((self.net + self.freight) * self.vat_rate).quantize(CENT, ROUND_HALF_UP)

    @property
    def total(self) -> Decimal:
        """What the client owes."""
        return self.net + self.freight + self.vat


def exchange_rate(currency: str, day: date) -> Decimal:
    """Kroner for 100 units on a day: the same for ever, so that history and live orders agree."""
    base, swing = {"DKK": (100.0, 0.0), "EUR": (746.0, 0.001), "USD": (690.0, 0.04)}[currency]
    turn = day.toordinal() / 47.0
    return Decimal(base * (1 + swing * math.sin(turn) * math.cos(turn / 7))).quantize(Decimal("0.0001"))


def new_order(rng: random.Random, buyer: Buyer, items: Sequence[Item], day: date, lines: int = 0) -> Order:
    """An order of a few items; the first ones of ``items`` sell best.

    Args:
        rng: source of chance.
        buyer: who orders.
        items: what is on sale.
        day: of the order.
        lines: how many lines; chosen when 0.
    """
    rate = exchange_rate(buyer.currency, day)
    chosen = _popular(rng, items, lines or line_count(rng))
    return Order(
        buyer=buyer,
        channel=pick(rng, _CHANNELS),
        exchange_rate=rate,
        vat_rate=COUNTRIES[buyer.country].vat_rate,
        freight=_in_currency(Decimal(rng.choice((0, 49, 99, 249))), rate),
        wanted_on=day + timedelta(days=rng.randint(3, 14)),
        lines=tuple(_line(rng, item, rate) for item in chosen),
    )


def line_count(rng: random.Random) -> int:
    """Lines of an order: mostly one to three."""
    return min(1 + int(rng.expovariate(0.48)), _MOST_LINES)


def pick(rng: random.Random, weights: dict[str, int]) -> str:
    """One of the keys, by weight."""
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _popular(rng: random.Random, items: Sequence[Item], number: int) -> list[Item]:
    # Zipf: the k-th item sells k^-0.7 times as often as the first
    weights = [(place + 1) ** -0.7 for place in range(len(items))]
    return rng.choices(items, weights, k=number)


def _line(rng: random.Random, item: Item, rate: Decimal) -> Line:
    price = _in_currency(item.price, rate)
    return Line(
        item_no=item.item_no,
        quantity=Decimal(min(1 + int(rng.expovariate(0.4)), 25)),
        price=price,
        list_price=price,
        discount=Decimal(pick(rng, _DISCOUNTS)),
    )


def _in_currency(kroner: Decimal, rate: Decimal) -> Decimal:
    return (kroner * 100 / rate).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it is entered; the columns of ``shop.client`` without number, keeper and dates."""

    name: str
    kind: str
    vat_no: str | None
    mail: str
    phone: str
    street: str
    zip: str
    city: str
    country: str
    region: str
    segment: str
    language: str
    currency: str
    credit_limit: Decimal | None
    pay_days: int
    newsletter: bool


def new_client(rng: random.Random) -> Client:
    """A business, a person or a public body in one of the countries."""
    code = pick(rng, {name: country.weight for name, country in COUNTRIES.items()})
    country = COUNTRIES[code]
    kind = pick(rng, {"B": 75, "P": 15, "G": 10})
    zip_code, city = rng.choice(words.CITIES[code])
    name = _client_name(rng, kind, code, city)
    large = kind == "B" and rng.random() < 0.25
    return Client(
        name=name,
        kind=kind,
        vat_no=None if kind == "P" else f"{code}{rng.randrange(10_000_000, 99_999_999)}",
        mail=f"orders{rng.randrange(1000, 9999)}@{_slug(name)}.example",
        phone=f"+{rng.randrange(10_000_000, 99_999_999)}",
        street=new_street(rng, code),
        zip=zip_code,
        city=city,
        country=code,
        region=country.region,
        segment={"P": "C", "G": "G"}.get(kind, "L" if large else "S"),
        language=country.language,
        currency=country.currency,
        credit_limit=None if kind == "P" else Decimal(rng.choice((25, 50, 100, 250))) * 1000,
        pay_days=0 if kind == "P" else rng.choice((14, 30, 30, 60)),
        newsletter=rng.random() < 0.4,
    )


def new_street(rng: random.Random, country: str) -> str:
    """A street and number."""
    return f"{rng.choice(words.STREETS[country])} {rng.randint(1, 180)}"


def _client_name(rng: random.Random, kind: str, country: str, city: str) -> str:
    if kind == "P":
        return f"{rng.choice(words.FIRST_NAMES[country])} {rng.choice(words.LAST_NAMES[country])}"
    if kind == "G":
        return words.PUBLIC_BODY[country].format(city=city)
    return f"{rng.choice(words.COMPANY_FIRST)} {rng.choice(words.COMPANY_SECOND)} {words.COMPANY_FORM[country]}"


def _slug(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower()).strip("-")
