"""The company's books as tables, and what must hold in them: each check returns what breaks it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, pairwise
from typing import Any

from backoffice.simulate.company import engine, founding, tables
from backoffice.simulate.company.book import Change, Row
from backoffice.simulate.company.world import World

Breaks = list[Any]
TODAY = date(2026, 3, 31)


@dataclass
class Books:
    """A company's history and its rows as they are at its end."""

    world: World
    changes: list[Change]
    rows: dict[str, list[Row]]

    def of(self, table: str, **wanted: Any) -> list[Row]:
        return [row for row in self.rows[table] if all(row[name] == value for name, value in wanted.items())]

    def ledger(self, acct: str) -> list[Row]:
        return self.of("erp.ledger_line", acct=acct)


def keep(days: int, seed: int, today: date = TODAY) -> Books:
    """So many days that end the day before ``today``."""
    world = founding.found(seed, today - timedelta(days=days))
    changes = [change for day in range(days) for change in engine.play(world, world.born + timedelta(days=day))]
    rows = {table: list(found.values()) for table, found in tables.newest(changes).items()}
    return Books(world, changes, rows)


def cents(text: Any) -> int:
    return int(str(text).replace(".", ""))


def sums(rows: Iterable[Row], amount: Callable[[Row], int], *keys: str) -> dict[Any, int]:
    found: dict[Any, int] = defaultdict(int)
    for row in rows:
        found[tuple(row[key] for key in keys)] += amount(row)
    return {key: value for key, value in found.items() if value}


def differences(one: dict[Any, int], other: dict[Any, int]) -> Breaks:
    return [(key, one.get(key, 0), other.get(key, 0)) for key in one | other if one.get(key, 0) != other.get(key, 0)]


def home(row: Row) -> int:
    return cents(row["amount_home"])


def vouchers_balance(books: Books) -> Breaks:
    lines = books.rows["erp.ledger_line"]
    return [*sums(lines, home, "voucher"), *sums(lines, lambda row: cents(row["amount"]), "voucher", "currency")]


def firms_balance_every_day(books: Books) -> Breaks:
    return list(sums(books.rows["erp.ledger_line"], home, "firm", "posted_on"))


def vouchers_are_of_one_firm_and_day(books: Books) -> Breaks:
    found: dict[str, set[Any]] = defaultdict(set)
    for row in books.rows["erp.ledger_line"]:
        found[row["voucher"]].add((row["firm"], row["posted_on"], row["currency"]))
    return [(voucher, heads) for voucher, heads in found.items() if len(heads) > 1]


def no_line_is_empty(books: Books) -> Breaks:
    return [row for row in books.rows["erp.ledger_line"] if not home(row) and not cents(row["amount"])]


def signed_total(row: Row) -> int:
    return cents(row["total_home"]) * (-1 if row["kind"] == "SC" else 1)


def receivables_tie_every_day(books: Books) -> Breaks:
    return _subledger(books, "1100", ("SI", "SC"), 1)


def payables_tie_every_day(books: Books) -> Breaks:
    return _subledger(books, "2000", ("PI",), -1)


def _subledger(books: Books, acct: str, kinds: tuple[str, ...], sign: int) -> Breaks:
    documents = {row["invoice_no"]: row for row in books.rows["erp.invoice"] if row["kind"] in kinds}
    moved: dict[Any, int] = defaultdict(int)
    for row in documents.values():
        moved[row["firm"], row["dated"]] += sign * signed_total(row)
    for row in books.rows["erp.allocation"]:
        document = documents.get(row["invoice_no"])
        if document and row["credit_no"] is None:
            moved[document["firm"], row["applied_on"]] -= sign * cents(row["amount_home"])
    return differences(sums(books.ledger(acct), home, "firm", "posted_on"), {k: v for k, v in moved.items() if v})


def documents_are_settled_exactly(books: Books) -> Breaks:
    applied: dict[str, int] = defaultdict(int)
    for row in books.rows["erp.allocation"]:
        applied[row["invoice_no"]] += cents(row["amount"])
        if row["credit_no"]:
            applied[row["credit_no"]] += cents(row["amount"])
    return [
        (row["invoice_no"], row["state"], applied[row["invoice_no"]], row["total"])
        for row in books.rows["erp.invoice"]
        if applied[row["invoice_no"]] > cents(row["total"])
        or (row["state"] in ("C", "W")) != (applied[row["invoice_no"]] == cents(row["total"]))
    ]


def payments_are_explained(books: Books) -> Breaks:
    paid = sums(
        [r for r in books.rows["erp.payment"] if r["party"] in "DK"], lambda r: cents(r["amount"]), "payment_no"
    )
    applied = sums(
        [r for r in books.rows["erp.allocation"] if r["payment_no"]], lambda r: cents(r["amount"]), "payment_no"
    )
    return differences(paid, applied)


def documents_are_their_lines(books: Books) -> Breaks:
    breaks: Breaks = []
    for name in ("net", "vat"):
        heads = sums(books.rows["erp.invoice"], lambda row, name=name: cents(row[name]), "invoice_no")
        lines = sums(books.rows["erp.invoice_line"], lambda row, name=name: cents(row[name]), "invoice_no")
        breaks += differences(heads, lines)
    wrong = [r for r in books.rows["erp.invoice"] if cents(r["net"]) + cents(r["vat"]) != cents(r["total"])]
    return breaks + wrong


def orders_are_their_lines(books: Books) -> Breaks:
    heads = sums(books.rows["erp.so_head"], lambda row: cents(row["net"]), "so_no")
    lines = sums(books.rows["erp.so_line"], lambda row: cents(row["net"]), "so_no")
    wrong = [
        r for r in books.rows["erp.so_head"]
        if cents(r["net"]) + cents(r["vat"]) + cents(r["freight"]) != cents(r["total"])
    ]  # fmt: skip
    return differences(heads, lines) + wrong


def nothing_is_shipped_beyond_its_order(books: Books) -> Breaks:
    shipped = _moved(books, "O")
    return [
        (row["so_no"], row["pos"])
        for row in books.rows["erp.so_line"]
        if shipped.get((row["so_no"], row["pos"]), 0) > row["qty"] - row["cancelled"]
    ]


def _moved(books: Books, way: str) -> dict[Any, int]:
    deliveries = {row["delivery_no"] for row in books.of("erp.delivery", way=way)}
    lines = [row for row in books.rows["erp.delivery_line"] if row["delivery_no"] in deliveries]
    return sums(lines, lambda row: row["qty"], "so_no", "so_pos")


def what_is_shipped_is_billed(books: Books) -> Breaks:
    """Of orders that were invoiced; credit notes of what came back on the last day may still be missing."""
    done = {str(row["so_no"]) for row in books.of("erp.so_head", state=70)}
    billed: dict[Any, int] = defaultdict(int)
    for row in books.of("erp.invoice_line", kind="SI"):
        if row["order_pos"]:
            number, pos = row["order_pos"].split("-")
            billed[int(number), int(pos)] += row["qty"]
    shipped = {key: qty for key, qty in _moved(books, "O").items() if str(key[0]) in done}
    return differences({key: qty for key, qty in billed.items() if str(key[0]) in done}, shipped)


def stock_never_runs_below_nothing(books: Books) -> Breaks:
    qty: dict[Any, int] = defaultdict(int)
    worth: dict[Any, int] = defaultdict(int)
    breaks = []
    for row in sorted(books.rows["erp.stock_post"], key=lambda row: row["post_no"]):
        key = (row["item_no"], row["place"])
        qty[key] += row["qty"]
        worth[key] += cents(row["worth"])
        if qty[key] < 0 or (not qty[key] and worth[key]):
            breaks.append((row["post_no"], key, qty[key], worth[key]))
    return breaks


def stock_ties_every_day(books: Books) -> Breaks:
    moved: dict[Any, int] = defaultdict(int)
    for row in books.rows["erp.stock_post"]:
        moved[row["firm"], row["posted_at"].date()] += cents(row["worth"])
    return differences(
        sums(books.ledger("1300"), home, "firm", "posted_on"), {key: value for key, value in moved.items() if value}
    )


def transfers_come_to_nothing(books: Books) -> Breaks:
    moves = [row for row in books.rows["erp.stock_post"] if row["transfer"]]
    assert moves
    return [*sums(moves, lambda row: row["qty"], "transfer"), *sums(moves, lambda row: cents(row["worth"]), "transfer")]


def bills_match_orders_and_receipts(books: Books) -> Breaks:
    billed: dict[Any, int] = defaultdict(int)
    prices = {}
    for row in books.of("erp.invoice_line", kind="PI"):
        if row["order_pos"]:
            billed[row["order_pos"]] += row["qty"]
            prices[row["order_pos"]] = row["price"]
    return [
        row
        for row in books.rows["erp.po_line"]
        for key in (f"{row['po_no']}-{row['pos']}",)
        if not billed[key] <= row["received"] <= row["qty"] or prices.get(key, row["price"]) != row["price"]
    ]


def received_not_billed_ties(books: Books) -> Breaks:
    """In the firm's own currency; bills in another one take off what was received at its own rate."""
    own = {str(r["po_no"]) for r in books.rows["erp.po_head"] if r["currency"] == ("DKK" if r["firm"] == 10 else "USD")}
    left = defaultdict(int)
    for row in books.of("erp.stock_post", kind="RC"):
        if row["source_no"].split("-")[0] in own:
            left[row["firm"]] += cents(row["worth"])
    for row in books.of("erp.invoice_line", kind="PI", acct="2050"):
        if row["order_pos"].split("-")[0] in own:
            left[row["firm"]] -= cents(row["net"])
    open_abroad = {row["firm"] for row in books.rows["erp.po_head"] if str(row["po_no"]) not in own}
    ledger = sums(books.ledger("2050"), home, "firm")
    return [firm for firm in left if firm not in open_abroad and left[firm] != -ledger.get((firm,), 0)]


def slips_add_up(books: Books) -> Breaks:
    lines: dict[Any, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in books.rows["hris.pay_slip_line"]:
        lines[row["slip_no"]][row["wage"] // 100] += cents(row["amount"])
    breaks = []
    for row in books.rows["hris.pay_slip"]:
        gross, tax, deducted, refunded, net, employer = (
            cents(row[name]) for name in ("gross", "tax", "deducted", "refunded", "net", "employer")
        )
        own = lines[row["slip_no"]]
        if (own[1], own[2], own[3], own[4]) != (gross, tax + deducted, employer, refunded):
            breaks.append(row)
        if gross - tax - deducted + refunded != net:
            breaks.append(row)
    return breaks


def runs_tie_to_voucher_and_bank(books: Books) -> Breaks:
    slips = sums(books.rows["hris.pay_slip"], lambda row: cents(row["net"]), "run_no")
    payments = sums([r for r in books.rows["erp.payment"] if r["means"] == "P"], lambda r: cents(r["amount"]), "run_no")
    posted = sums(
        [r for r in books.ledger("2300") if r["book"] == "PA"], lambda row: -cents(row["amount"]), "source_no"
    )
    gross = sums(books.rows["hris.pay_slip"], lambda row: cents(row["gross"]), "run_no")
    wages = sums(books.ledger("6000"), home, "source_no")
    left = list(sums(books.ledger("2300"), home, "firm"))
    return differences(slips, payments) + differences(slips, posted) + differences(gross, wages) + left


def only_the_employed_are_paid(books: Books) -> Breaks:
    people = {row["pn"]: row for row in books.rows["hris.person"]}
    runs = {row["run_no"]: row for row in books.rows["hris.pay_run"]}
    slips = books.rows["hris.pay_slip"]
    twice = len(slips) - len({(row["run_no"], row["pn"]) for row in slips})
    wrong = [
        row for row in slips
        if people[row["pn"]]["hired_on"] > runs[row["run_no"]]["last_day"]
        or (people[row["pn"]]["left_on"] or date.max) < runs[row["run_no"]]["first_day"]
    ]  # fmt: skip
    return wrong + ([twice] if twice else [])


def assignments_do_not_overlap(books: Books) -> Breaks:
    by_person: dict[int, list[Row]] = defaultdict(list)
    for row in books.rows["hris.assignment"]:
        by_person[row["pn"]].append(row)
    breaks = []
    for rows in by_person.values():
        rows.sort(key=lambda row: row["first_day"])
        for before, after in pairwise(rows):
            if before["last_day"] is None or before["last_day"] + timedelta(days=1) != after["first_day"]:
                breaks.append((before, after))
    return breaks


def statements_roll_forward(books: Books) -> Breaks:
    breaks = []
    for iban in books.world.banks:
        told = sorted(books.of("bank.statement", iban=iban), key=lambda row: row["sequence"])
        for number, row in enumerate(told, 1):
            if row["sequence"] != number or row["opening"] + sum(e["cents"] for e in row["entries"]) != row["closing"]:
                breaks.append((iban, row["id"]))
        for before, after in pairwise(told):
            if before["closing"] != after["opening"] or before["last"] + timedelta(days=1) != after["first"]:
                breaks.append((iban, after["id"]))
    return breaks


def bank_accounts_tie(books: Books) -> Breaks:
    """The ledger's bank is the last statement and what the bank has not told yet."""
    breaks = []
    for account in books.world.banks.values():
        lines = [row for row in books.ledger(account.acct) if row["firm"] == account.firm]
        is_own = account.currency == books.world.firms[account.firm].currency
        held = sum(home(row) if is_own else cents(row["amount"]) for row in lines)
        if held != account.told + sum(entry["cents"] for entry in account.entries):
            breaks.append((account.iban, held, account.told))
    return breaks


def cards_in_clearing_are_unsettled(books: Books) -> Breaks:
    waiting = sums(chain(*books.world.cards.values()), lambda row: cents(row["gross"]), "firm")
    return differences(waiting, sums(books.ledger("1050"), home, "firm"))


def payouts_are_gross_less_fees(books: Books) -> Breaks:
    settled = books.of("erp.card_item", state="S")
    net = sums(settled, lambda row: cents(row["gross"]) - cents(row["fee"]), "bank_reference")
    entries = [entry for row in books.rows["bank.statement"] for entry in row["entries"]]
    entries += [entry for account in books.world.banks.values() for entry in account.entries]
    booked = {(e["reference"],): e["cents"] for e in entries if e["code"] == "CCRD"}
    return differences(net, booked)


def tax_ties_every_month(books: Books) -> Breaks:
    documents: dict[Any, int] = defaultdict(int)
    for row in books.rows["erp.invoice"]:
        sign = {"SI": -1, "SC": 1, "PI": 1}[row["kind"]]
        documents[row["firm"], row["dated"].replace(day=1)] += sign * cents(row["vat_home"])
    posted: dict[Any, int] = defaultdict(int)
    for acct in ("2100", "2110"):
        for row in books.ledger(acct):
            if row["source"] == "IV":
                posted[row["firm"], row["posted_on"].replace(day=1)] += home(row)
    return differences(dict(posted), dict(documents))


def firms_owe_each_other_the_same(books: Books) -> Breaks:
    owed = sum(cents(row["amount"]) for row in books.ledger("1400"))
    owing = sum(cents(row["amount"]) for row in books.ledger("2400"))
    return [] if owed == -owing else [(owed, owing)]


def documents_are_posted_once(books: Books) -> Breaks:
    posted: dict[str, set[str]] = defaultdict(set)
    for acct in ("1100", "2000"):
        for row in books.ledger(acct):
            if row["source"] == "IV":
                posted[row["source_no"]].add(row["voucher"])
    return [row["invoice_no"] for row in books.rows["erp.invoice"] if len(posted[row["invoice_no"]]) != 1]


def nothing_is_keyed_into_a_closed_month(books: Books) -> Breaks:
    closed = {(row["firm"], row["first_day"]): row["closed_at"] for row in books.of("erp.fiscal_month", state="C")}
    return [
        row for row in books.rows["erp.ledger_line"]
        if (at := closed.get((row["firm"], row["posted_on"].replace(day=1)))) and row["keyed_at"] > at
    ]  # fmt: skip


def exchange_differences_tie(books: Books) -> Breaks:
    """Of payments; revaluations, fees and bills have their own."""
    posted = sums([row for row in books.ledger("7000") if row["source"] == "PM"], home, "source_no")
    told = sums(
        [row for row in books.rows["erp.allocation"] if row["payment_no"]], lambda r: cents(r["fx_home"]), "payment_no"
    )
    own = {(row["payment_no"],) for row in books.rows["erp.payment"] if row["party"] in "DK"}
    return differences({key: -value for key, value in posted.items() if key in own}, told)


CHECKS = (
    vouchers_balance, firms_balance_every_day, vouchers_are_of_one_firm_and_day, no_line_is_empty,
    receivables_tie_every_day, payables_tie_every_day, documents_are_settled_exactly, payments_are_explained,
    documents_are_their_lines, orders_are_their_lines, nothing_is_shipped_beyond_its_order, what_is_shipped_is_billed,
    stock_never_runs_below_nothing, stock_ties_every_day, transfers_come_to_nothing, bills_match_orders_and_receipts,
    received_not_billed_ties, slips_add_up, runs_tie_to_voucher_and_bank, only_the_employed_are_paid,
    assignments_do_not_overlap, statements_roll_forward, bank_accounts_tie, cards_in_clearing_are_unsettled,
    payouts_are_gross_less_fees, tax_ties_every_month, firms_owe_each_other_the_same, documents_are_posted_once,
    nothing_is_keyed_into_a_closed_month, exchange_differences_tie,
)  # fmt: skip
