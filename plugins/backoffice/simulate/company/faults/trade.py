"""Faults of orders, bills and invoices, of which no single row looks wrong, or which are not there at all."""

from __future__ import annotations

from backoffice.simulate.company.accounts import PAYABLE, STOCK_LOSS, VAT_IN
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.faults.kind import Edit, Kind, Told, in_row, place_of
from backoffice.simulate.company.money import amount, percent
from backoffice.simulate.company.orders import INVOICED, cents
from backoffice.simulate.company.papers import sent_at
from backoffice.simulate.company.sheets import COPENHAGEN
from backoffice.simulate.company.tables import AGAIN

_AT_HOME = "100.0000"
_DUPLICATE = "9"


def _cents_for_units(row: Row) -> bool:
    """The head of the bill is right."""
    if row["kind"] != "PI":
        return False
    row.update(price=amount(cents(row["price"]) * 100), net=amount(cents(row["net"]) * 100))
    return True


def _a_positive_credit_note(row: Row) -> bool:
    """The ERP keeps credit notes without a sign: with one they are an invoice."""
    if row["kind"] != "SC":
        return False
    for name in ("net", "vat", "total", "net_home", "vat_home", "total_home"):
        row[name] = amount(-cents(row[name]))
    return True


def _receipt_not_recorded(told: Told, index: int, _: Chance) -> Edit | None:
    """The order says that the goods came, the stock ledger does not."""
    row = told.row(index)
    if row["kind"] != "RC":
        return None
    order, pos = str(row["source_no"]).split("-")
    return Edit({index: None}, seen_at=[("erp.po_line", {"po_no": order, "pos": pos})])


def _billed_above_the_order(told: Told, index: int, _: Chance) -> Edit | None:
    """Line, head and voucher of the bill agree; only the order knows another price."""
    line = dict(told.row(index))
    heads = told.where("erp.invoice", invoice_no=line["invoice_no"])
    if line["kind"] != "PI" or line["order_pos"] is None or not heads or not _is_open_at_home(told, heads[-1]):
        return None
    price = cents(line["price"])
    line["price"] = amount(price + max(1, price // 10))
    net = cents(line["price"]) * int(line["qty"])
    vat = percent(net, cents(line["vat_pct"]))
    more, more_vat = net - cents(line["net"]), vat - cents(line["vat"])
    line.update(net=amount(net), vat=amount(vat))
    edit = Edit({index: line})
    for head in heads:
        edit.instead[head] = _dearer(told.row(head), more, more_vat)
    _post_dearer(told, edit, line["invoice_no"], more, more_vat)
    return edit


def _is_open_at_home(told: Told, head: int) -> bool:
    """A bill in the firm's own currency of which nothing is paid."""
    row = told.row(head)
    paid = told.where("erp.allocation", invoice_no=row["invoice_no"])
    return row["state"] == "P" and row["rate_100"] == _AT_HOME and not paid


def _dearer(row: Row, more: int, more_vat: int) -> Row:
    added = {"net": more, "vat": more_vat, "total": more + more_vat}
    added |= {f"{name}_home": cents_more for name, cents_more in added.items()}
    return row | {name: amount(cents(row[name]) + cents_more) for name, cents_more in added.items()}


def _post_dearer(told: Told, edit: Edit, number: str, more: int, more_vat: int) -> None:
    """What is above the order's price is a difference of its own: what was received stays as it is."""
    lines = told.where("erp.ledger_line", source="IV", source_no=number)
    for index in lines:
        row = told.row(index)
        added = {PAYABLE: -more - more_vat, VAT_IN: more_vat}.get(row["acct"])
        if added:
            edit.instead[index] = _posted(row, cents(row["amount"]) + added)
    if lines:
        last = told.row(lines[-1])
        difference = last | {"line": last["line"] + 1, "acct": STOCK_LOSS, "party": None, "party_no": None}
        edit.besides.append(("erp.ledger_line", _posted(difference, more)))


def _posted(row: Row, value: int) -> Row:
    return row | {"amount": amount(value), "amount_home": amount(value)}


def _billed_twice(told: Told, index: int, _: Chance) -> Edit | None:
    """Entered again from another copy of the paper: nobody posted it yet."""
    row = told.row(index)
    if row["kind"] != "PI":
        return None
    number = _numbered_anew(row["invoice_no"])
    copy = row | {"invoice_no": number, "printed_no": str(row["printed_no"]).replace("-", " / "), "state": "P"}
    lines = {line["pos"]: line | {"invoice_no": number}
             for line in told.rows("erp.invoice_line", invoice_no=row["invoice_no"])}  # fmt: skip
    return Edit(besides=[("erp.invoice", copy), *(("erp.invoice_line", line) for line in lines.values())])


def _numbered_anew(number: str) -> str:
    """A number that nobody gave: ``B10-000123`` → ``B10-900123``."""
    series, count = number.split("-")
    return f"{series}-{_DUPLICATE}{count[1:]}"


def _never_invoiced(told: Told, index: int, _: Chance) -> Edit | None:
    """The order is done, but what was sent was never billed."""
    row = told.row(index)
    number, order = row["invoice_no"], row["order_no"]
    orders = told.where("erp.so_head", so_no=int(order)) if row["kind"] == "SI" else []
    if not orders or told.row(orders[-1])["state"] != INVOICED or _is_referred_to(told, number):
        return None
    gone = [
        *told.where("erp.invoice", invoice_no=number),
        *told.where("erp.invoice_line", invoice_no=number),
        *told.where("erp.ledger_line", source="IV", source_no=number),
    ]
    return Edit(dict.fromkeys(gone), seen_at=[place_of("erp.so_head", told.row(orders[-1]))])


def _is_referred_to(told: Told, number: str) -> bool:
    """Whether an invoice is paid in part, or corrected."""
    return bool(told.where("erp.allocation", invoice_no=number) or told.where("erp.invoice", corrects=number))


def _a_day_of_orders_lost(told: Told, index: int, _: Chance) -> Edit | None:
    """All orders that a firm entered on the day of this one, with their lines."""
    row = told.row(index)
    if row["entered_at"] is None:
        return None
    day = row["entered_at"].date()
    lost = [i for i in told.where("erp.so_head", firm=row["firm"]) if told.row(i)["entered_at"].date() == day]
    numbers = {told.row(i)["so_no"] for i in lost}
    lines = [i for number in sorted(numbers) for i in told.where("erp.so_line", so_no=number)]
    seen_at: Row = {"firm": str(row["firm"]), "day": day.isoformat()}
    return Edit(dict.fromkeys([*lost, *lines]), seen_at=[("erp.orders_of_day", seen_at)])


def _told_twice(told: Told, index: int, _: Chance) -> Edit | None:
    """The same line again, in the same file."""
    return Edit(besides=[("carrier.scan", told.row(index) | {AGAIN: 1})])


def _told_in_another_zone(told: Told, index: int, _: Chance) -> Edit | None:
    """A file whose times are UTC where all others are local: one in which a parcel was taken or handed over."""
    if told.row(index)["code"] not in ("PUP", "DEL"):
        return None
    sent = sent_at(told.changes[index])
    file = [other for other in told.of("carrier.scan") if sent_at(told.changes[other]) == sent]
    return Edit({other: _as_utc(told.row(other)) for other in file})


def _as_utc(row: Row) -> Row:
    return row | {"at": row["at"] - row["at"].astimezone(COPENHAGEN).utcoffset()}


TRADE = (
    Kind("F37", "erp.so_head", "a day of orders lost", 2, _a_day_of_orders_lost, steady=True),
    Kind("F25", "erp.invoice", "shipped, and never invoiced", 2, _never_invoiced),
    Kind("F20", "erp.invoice_line", "billed above the order's price, and booked so", 2, _billed_above_the_order),
    Kind("F21", "erp.invoice", "a bill entered twice, its number written differently", 3, _billed_twice),
    Kind("F16", "erp.stock_post", "a receipt that was never recorded", 1, _receipt_not_recorded),
    Kind("F06", "erp.invoice_line", "cents for units on a bill", 3, in_row(_cents_for_units)),
    Kind("F38", "carrier.scan", "a file with UTC for local time", 2, _told_in_another_zone, steady=True),
    Kind("F01", "carrier.scan", "the same line twice", 20, _told_twice),
    Kind("F07", "erp.invoice", "a credit note that is positive", 3, in_row(_a_positive_credit_note)),
)
