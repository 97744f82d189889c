"""Customers and vendors: those of the first day, and who comes and goes."""

from __future__ import annotations

from datetime import timedelta

from backoffice.simulate.company import accounts, names
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance, cumulated
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.money import amount
from backoffice.simulate.company.world import Creditor, Debtor, Firm

_DEBTORS = {10: 130, 20: 90}
_GOODS_VENDORS = {10: 11, 20: 7}
# trade, account, and what a month costs in kroner and in dollars
_SERVICES = (
    ("rent", accounts.RENT, 353_000, 62_000),
    ("utilities", accounts.POWER, 42_000, 6_500),
    ("staffing", accounts.STAFFING, 65_000, 16_000),
    ("it", accounts.IT, 88_000, 12_500),
    ("marketing", accounts.MARKETING, 54_000, 7_800),
    ("services", accounts.SERVICES, 38_000, 5_200),
    ("carrier", accounts.CARRIAGE, 96_000, 14_500),
)
_SEGMENTS = (("consumer", 0.34), ("smb", 0.44), ("enterprise", 0.17), ("public", 0.05))
_DISCOUNT = {"consumer": 0, "smb": 0, "enterprise": 10, "public": 5}
_LIMIT = {"consumer": 2_000_000, "smb": 15_000_000, "enterprise": 60_000_000, "public": 40_000_000}
_TERMS = {"DK": (30, 30, 45, 60), "US": (30, 45, 45, 60)}
_EURO_SHARE, _NEW_A_MONTH = 0.15, 2.0


def creditors(day: Day) -> None:
    """The vendors of both firms."""
    for firm in day.firms():
        chance = day.chance("creditors", firm.no)
        for position in range(_GOODS_VENDORS[firm.no]):
            foreign = firm.land == "DK" and position % 4 == 3
            creditor(day, firm, chance, names.company(chance, "DE" if foreign else firm.land), "goods",
                     land="DE" if foreign else firm.land)  # fmt: skip
        for trade, account, kroner, dollars in _SERVICES:
            vendor = creditor(day, firm, chance, names.company(chance, firm.land), trade)
            vendor.account, vendor.monthly = account, (kroner if firm.land == "DK" else dollars) * 100


def freelancer(day: Day, firm: Firm, chance: Chance) -> int:
    """A one-person vendor. Returns its number."""
    first, last = names.person(chance, firm.land)
    vendor = creditor(day, firm, chance, f"{first} {last} Freelance", "freelance")
    vendor.account = accounts.STAFFING
    return vendor.no


def creditor(day: Day, firm: Firm, chance: Chance, name: str, trade: str, *, land: str = "") -> Creditor:
    """Register a vendor."""
    land = land or firm.land
    found = Creditor(
        day.world.number("creditor", 7001), firm.no, name, land, firm.currency if land == firm.land else "EUR", trade,
        chance.one_of((14, 30, 30, 45)), names.account_number(chance, land), names.tax_number(chance, land),
        0 if trade == "freelance" else 1 if land == "DK" else 2,
    )  # fmt: skip
    found.row = _creditor_row(day, found)
    day.world.creditors[found.no] = found
    day.book.put("erp.creditor", found.row, day.opens)
    return found


def _creditor_row(day: Day, found: Creditor) -> Row:
    early = found.trade == "goods" and found.no % 3 == 0
    return {
        "creditor_no": found.no,
        "name": found.name,
        "vat_no": found.tax_no,
        "land": found.land,
        "currency": found.currency,
        "pay_days": found.pay_days,
        "discount_pct": "2.00" if early else None,
        "discount_days": 8 if early else None,
        "iban": found.iban,
        "iban_since": day.opens - timedelta(days=400),
        "mail": f"billing@{names.domain(found.name)}",
        "trade": found.trade,
        "preferred": found.trade == "goods",
        "state": "A",
        "approved_by": None,
    }


def debtors(day: Day, firm: Firm) -> None:
    """The customers of a firm."""
    chance = day.chance("debtors", firm.no)
    for _ in range(_DEBTORS[firm.no]):
        debtor(day, firm, chance)


def debtor(day: Day, firm: Firm, chance: Chance) -> Debtor:
    """Register a customer; the earlier ones order more."""
    foreign = firm.land == "DK" and chance.happens(_EURO_SHARE)
    land = chance.one_of(("DE", "NL", "FR")) if foreign else firm.land
    segment = "smb" if foreign else chance.weighted(_SEGMENTS)
    number = day.world.number("debtor", 20001)
    found = Debtor(
        number, firm.no, _name(chance, segment, land), land, "EUR" if foreign else firm.currency, names.LANGUAGE[land],
        segment, 0 if segment == "consumer" else _TERMS[firm.land][number % 4], _DISCOUNT[segment], not foreign,
        chance.between(-4, 8), names.account_number(chance, land),
    )  # fmt: skip
    found.row = _debtor_row(day, found, chance)
    known = day.world.debtors.setdefault(firm.no, [])
    known.append(found)
    day.world.customers[number] = found
    day.world.busy[firm.no] = cumulated([(rank + 1) ** -0.6 for rank in range(len(known))])
    day.book.put("erp.debtor", found.row, day.opens)
    return found


def _name(chance: Chance, segment: str, land: str) -> str:
    if segment == "consumer":
        return " ".join(names.person(chance, land))
    if segment == "public":
        return f"{names.address(chance, land)[2]} {'Kommune' if land == 'DK' else 'Schools'} {chance.whole(1, 99)}"
    return names.company(chance, land)


def _debtor_row(day: Day, found: Debtor, chance: Chance) -> Row:
    street, zip_code, city = names.address(chance, found.land)
    sellers = day.world.staff(found.firm, 20)
    return {
        "debtor_no": found.no,
        "name": found.name,
        "kind": {"consumer": "P", "public": "G"}.get(found.segment, "B"),
        "vat_no": None if found.segment == "consumer" else names.tax_number(chance, found.land),
        "mail": names.mail(f"office{found.no}", names.domain(found.name)),
        "phone": f"+{'1' if found.land == 'US' else '45'} {chance.whole(20_000_000, 99_999_999)}",
        "street": street,
        "zip": zip_code,
        "city": city,
        "land": found.land,
        "region": "Americas" if found.land == "US" else "Nordics" if found.land == "DK" else "Europe",
        "segment": found.segment,
        "language": found.language,
        "currency": found.currency,
        "credit_limit": amount(_LIMIT[found.segment] // (1 if found.currency == "DKK" else 6)),
        "pay_days": found.pay_days,
        "keeper": chance.one_of(sellers).no if sellers and found.segment != "consumer" else None,
        "since": day.today - timedelta(days=chance.whole(1, 1500) if day.today == day.world.born else 0),
        "left_on": None,
        "newsletter": chance.happens(0.4),
        "state": "A",
    }


def step(day: Day) -> None:
    """New customers; now and then one is put on hold, leaves or moves, and a vendor has a new account."""
    chance = day.chance("partners")
    for _ in range(chance.poisson(_NEW_A_MONTH / 30)):
        debtor(day, chance.one_of(day.firms()), chance)
    if chance.happens(0.15):
        _change(day, chance)
    if chance.happens(0.02):
        _new_account(day, chance)


def _change(day: Day, chance: Chance) -> None:
    found = chance.one_of(day.world.debtors[chance.one_of(day.firms()).no])
    at = day.at(found.firm, chance.between(9, 15))
    if found.row["state"] == "A" and chance.happens(0.2):
        found.row["state"] = chance.weighted((("H", 0.5), ("X", 0.5)))
        found.row["left_on"] = day.today if found.row["state"] == "X" else None
    elif found.row["state"] == "H":
        found.row["state"] = "A"
    else:
        found.row["street"], found.row["zip"], found.row["city"] = names.address(chance, found.land)
    day.book.put("erp.debtor", found.row, at)


def _new_account(day: Day, chance: Chance) -> None:
    found = chance.one_of(list(day.world.creditors.values()))
    at = day.at(found.firm, 11)
    found.iban = names.account_number(chance, found.land)
    found.row.update(iban=found.iban, iban_since=at)
    day.book.put("erp.creditor", found.row, at)
