"""The first day: two firms with their accounts, places, people, vendors, customers, items, stock and money."""

from __future__ import annotations

from datetime import date, timedelta

from backoffice.simulate.company import accounts, closing, fx, partners, people, range_of_goods
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import RATE_ONE, amount
from backoffice.simulate.company.people import Joining
from backoffice.simulate.company.world import BankAccount, Firm, World

DK, US = 10, 20
_FOUNDED = date(2014, 5, 1)
_MONEY = {"DKK": 2_500_000_000, "USD": 400_000_000}
_FURNITURE = {"DKK": 96_000_000, "USD": 12_000_000}

FIRMS = (
    Firm(
        DK, "DK", "Nordlys Kontor A/S", "DK", "DKK", "Europe/Copenhagen", "DK31415926", 2500, "DK-AAR", "DK-HOR",
        "DK-KOG", "DK3130003141592653", 24.0, euro_iban="DK0430003141592654",
    ),
    Firm(
        US, "US", "Nordlys Office Inc.", "US", "USD", "America/New_York", "47-3141592", 0, "US-CMH", "US-COL", "US-RNO",
        "021000021-31415926", 16.0,
    ),
)  # fmt: skip

# code, firm, title, kind, country, city, zone, seats, rent, per head, currency
PLACES = (
    ("DK-AAR", DK, "Head office Aarhus", "O", "DK", "Aarhus", "Europe/Copenhagen", 60, 17_500_000, 680_000, "DKK"),
    ("DK-HOR", DK, "Warehouse Horsens", "W", "DK", "Horsens", "Europe/Copenhagen", 18, 9_800_000, 350_000, "DKK"),
    ("DK-KOG", DK, "Warehouse Køge", "W", "DK", "Køge", "Europe/Copenhagen", 6, 5_200_000, 350_000, "DKK"),
    ("DK-CPH", DK, "Desks in København", "C", "DK", "København", "Europe/Copenhagen", 8, 2_800_000, 420_000, "DKK"),
    ("DK-HOME", DK, "Homes in Denmark", "H", "DK", None, "Europe/Copenhagen", None, 0, 0, "DKK"),
    ("US-CMH", US, "Office Columbus", "O", "US", "Columbus", "America/New_York", 40, 3_200_000, 100_000, "USD"),
    ("US-COL", US, "Warehouse Columbus", "W", "US", "Columbus", "America/New_York", 12, 1_900_000, 60_000, "USD"),
    ("US-RNO", US, "Warehouse Reno", "W", "US", "Reno", "America/Los_Angeles", 4, 1_100_000, 60_000, "USD"),
    ("US-HOME", US, "Homes in the United States", "H", "US", None, "America/New_York", None, 0, 0, "USD"),
    ("US-MNL", US, "Agency in Manila", "S", "PH", "Manila", "Asia/Manila", 10, 240_000, 24_000, "USD"),
)

# code, title, area, people in Denmark and in the United States, job, pay in kroner and dollars
UNITS = (
    ("MGT", "Management", 10, 3, 3, "Director", 82_000, 14_500),
    ("SAL", "Sales", 20, 12, 9, "Account manager", 46_000, 7_200),
    ("SVC", "Customer service", 25, 10, 8, "Service agent", 34_000, 4_400),
    ("LOG", "Warehouse and dispatch", 30, 16, 11, "Warehouse worker", 31_500, 3_900),
    ("PUR", "Purchasing", 35, 4, 3, "Buyer", 42_000, 6_400),
    ("FIN", "Finance", 40, 9, 6, "Accountant", 43_500, 6_500),
    ("ITS", "IT", 50, 6, 4, "System administrator", 49_000, 8_100),
    ("HRM", "People", 60, 4, 2, "HR partner", 42_500, 6_300),
    ("OFF", "Office services", 70, 4, 3, "Office assistant", 32_000, 4_100),
    ("MKT", "Marketing", 80, 4, 3, "Marketing coordinator", 41_000, 5_900),
    ("LEG", "Legal", 90, 2, 1, "Legal counsel", 58_000, 9_800),
)
_FREELANCERS = ((DK, 5, "Freelance translator", 52_500), (US, 4, "Freelance bookkeeper", 6_500))
_AGENCY_PEOPLE = 6


def found(seed: int, born: date) -> World:
    """A company without a history, the day before it opens."""
    world = World(seed, born)
    world.firms = {firm.no: firm for firm in FIRMS}
    return world


def open_business(day: Day) -> None:
    """Everything that is there in the morning of the first day."""
    fx.step(day)
    for firm in day.firms():
        day.book.put("erp.firm", _firm_row(firm), day.opens)
        _chart(day, firm)
        closing.open_years(day, firm)
        _units(day, firm)
    _places(day)
    partners.creditors(day)
    for firm in day.firms():
        _staff(day, firm)
    _outsiders(day)
    range_of_goods.introduce(day)
    for firm in day.firms():
        partners.debtors(day, firm)
        _bank_accounts(day, firm)
        range_of_goods.stock_up(day, firm)


def _firm_row(firm: Firm) -> Row:
    return {
        "firm": firm.no,
        "title": firm.title,
        "land": firm.land,
        "currency": firm.currency,
        "owner": DK if firm.no == US else None,
        "share": "100.00" if firm.no == US else None,
        "tax_no": firm.tax_no,
        "year_begins": 1,
        "zone": firm.zone,
    }


def _chart(day: Day, firm: Firm) -> None:
    for number, (title, local, group, kind, control, flow, translation) in accounts.CHART.items():
        if number == accounts.EURO_BANK and not firm.euro_iban:
            continue
        row: Row = {
            "firm": firm.no,
            "acct": number,
            "title": title,
            "title_da": local,
            "class": group,
            "kind": kind,
            "control": control,
            "cash_flow": flow,
            "translation": translation,
            "standard_no": f"{number}0" if firm.land == "DK" else None,
            "in_use": True,
        }
        day.book.put("erp.account", row, day.opens)


def _units(day: Day, firm: Firm) -> None:
    for code, title, area, *_ in UNITS:
        row: Row = {
            "unit_code": f"{firm.code}-{code}",
            "firm": firm.no,
            "title": f"{title} {firm.code}",
            "area": area,
            "above": None if code == "MGT" else f"{firm.code}-MGT",
            "head_pn": None,
        }
        day.world.units[row["unit_code"]] = row
        day.book.put("hris.org_unit", row, day.opens)


def _places(day: Day) -> None:
    for code, firm, title, kind, land, city, zone, seats, rent, head, currency in PLACES:
        row: Row = {
            "place": code,
            "firm": firm,
            "title": title,
            "kind": kind,
            "land": land,
            "city": city,
            "zone": zone,
            "seats": seats,
            "rent": amount(rent),
            "per_head": amount(head),
            "currency": currency,
            "opened": _FOUNDED,
            "closed": None,
        }
        day.book.put("erp.place", row, day.opens)


def _staff(day: Day, firm: Firm) -> None:
    chance, top = day.chance("staff", firm.no), None
    for code, _, area, danes, americans, title, kroner, dollars in UNITS:
        head = None
        base = kroner if firm.land == "DK" else dollars
        for position in range(danes if firm.land == "DK" else americans):
            first = position == 0
            pay = round(base * (1.3 if first else chance.between(0.88, 1.15))) * 100
            hired = day.today - timedelta(days=chance.whole(60, 3000))
            joining = Joining(
                firm.no, f"{firm.code}-{code}", f"Head of {title.lower()}s" if first else title,
                "L4" if first else "L2",
                "P", people.mode_of(chance, area), pay, hired, boss=top if first else head,
            )  # fmt: skip
            person = people.join(day, chance, joining, day.opens)
            top, head = top or person.no, head or person.no
        unit = day.world.units[f"{firm.code}-{code}"]
        unit["head_pn"] = head
        day.book.put("hris.org_unit", unit, day.opens)


def _outsiders(day: Day) -> None:
    """Freelancers with their own bills, and an agency's people abroad."""
    chance = day.chance("outsiders")
    for firm_no, count, title, pay in _FREELANCERS:
        firm = day.world.firms[firm_no]
        for _ in range(count):
            vendor = partners.freelancer(day, firm, chance)
            _outsider(day, chance, Joining(
                firm_no, f"{firm.code}-OFF", title, "L2", "F", "R", pay, day.today - timedelta(days=200),
                boss=day.world.units[f"{firm.code}-OFF"]["head_pn"], creditor=vendor,
            ))  # fmt: skip
    agency = next(c.no for c in day.world.creditors.values() if c.firm == US and c.trade == "staffing")
    for _ in range(_AGENCY_PEOPLE):
        _outsider(day, chance, Joining(
            US, "US-SVC", "Back office clerk", "L1", "O", "X", 0, day.today - timedelta(days=300),
            boss=day.world.units["US-SVC"]["head_pn"], creditor=agency, land="PH",
        ))  # fmt: skip


def _outsider(day: Day, chance: Chance, joining: Joining) -> None:
    people.join(day, chance, joining, day.opens)


def _bank_accounts(day: Day, firm: Firm) -> None:
    bic = "NDNLDKKK" if firm.land == "DK" else "NDNLUS33"
    wanted = [(firm.iban, firm.currency, accounts.BANK)]
    if firm.euro_iban:
        wanted.append((firm.euro_iban, "EUR", accounts.EURO_BANK))
    for iban, currency, acct in wanted:
        day.world.banks[iban] = BankAccount(iban, bic, firm.no, currency, acct)
        row: Row = {"iban": iban, "firm": firm.no, "bic": bic, "currency": currency, "acct": acct, "in_use": True}
        day.book.put("erp.bank_account", row, day.opens)
    money, furniture = _MONEY[firm.currency], _FURNITURE[firm.currency]
    main = day.world.banks[firm.iban]
    main.balance = main.told = money
    voucher = Voucher(firm.no, "OP", "MA", "opening", day.opens, firm.currency, RATE_ONE, "opening balance")
    lines = [
        Line(accounts.BANK, money),
        Line(accounts.FURNITURE, furniture),
        Line(accounts.CAPITAL, -money - furniture),
    ]
    post(day, voucher, lines)
