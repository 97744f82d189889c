"""Sales invoices and credit notes: the lines of a delivery, the freight of an order once, and their vouchers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from backoffice.simulate.company import orders, payments
from backoffice.simulate.company.accounts import FREIGHT, RECEIVABLE, RETURNS, SALES, VAT_OUT
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.fx import rate
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import amount, home, per_hundred, percent
from backoffice.simulate.company.orders import cents, net_of
from backoffice.simulate.company.world import Debtor, Invoice, Order

_FORGOTTEN_AFTER = 60


def invoice(day: Day, what: tuple[int, int]) -> None:
    """Bill a delivery."""
    order_no, delivery_no = what
    order = day.world.orders[order_no]
    debtor, at = day.world.customers[order.debtor], day.at(order.firm, 16.2)
    shipped = _shipped(day, order, delivery_no)
    number = f"S{order.firm}-{day.world.number(f'sales{order.firm}'):07d}"
    lines = [
        _line(day, debtor, order, number, pos, qty=qty, index=shipped_index) for shipped_index, (pos, qty) in shipped
    ]
    if not order.freight_billed and cents(order.row["freight"]):
        lines.append(_freight(day, debtor, order, number, len(lines) + 1))
        order.freight_billed = True
    made = _document(day, debtor, order, number, lines, price=rate(day, debtor.currency, _home(day, order)), at=at)
    for _, (pos, _qty) in shipped:
        order.billed[pos] = (number, made.rate)
    day.world.receivable[number] = made
    order.invoiced += 1
    payments.expect(day, made, debtor, order.by_card)
    finish(day, order, at)


def _home(day: Day, order: Order) -> str:
    return day.world.firms[order.firm].currency


def _shipped(day: Day, order: Order, delivery_no: int) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(order.unbilled.pop(delivery_no).items(), 1))


def _line(day: Day, debtor: Debtor, order: Order, number: str, pos: int, *, qty: int, index: int) -> Row:
    ordered = order.lines[pos - 1]
    net = net_of(cents(ordered["price"]), qty, debtor.discount)
    return _row(day, debtor, order, (number, index), SALES, net=net) | {
        "item_no": ordered["item_no"],
        "order_pos": f"{order.no}-{pos}",
        "qty": qty,
        "price": ordered["price"],
        "discount": ordered["discount"],
    }


def _freight(day: Day, debtor: Debtor, order: Order, number: str, index: int) -> Row:
    return _row(day, debtor, order, (number, index), FREIGHT, net=cents(order.row["freight"]))


def _row(day: Day, debtor: Debtor, order: Order, key: tuple[str, int], acct: str, *, net: int) -> Row:
    vat_rate = orders.vat_of(day, debtor)
    return {
        "invoice_no": key[0],
        "pos": key[1],
        "item_no": None,
        "order_pos": None,
        "firm": order.firm,
        "kind": "SI",
        "acct": acct,
        "qty": 1,
        "price": amount(net),
        "discount": "0.0000",
        "net": amount(net),
        "vat_code": f"S{vat_rate // 100}" if vat_rate else "Z" if debtor.domestic else "K",
        "vat_pct": amount(vat_rate),
        "vat": amount(percent(net, vat_rate)),
        "currency": debtor.currency,
    }


def _document(
    day: Day, debtor: Debtor, order: Order, number: str, lines: Sequence[Row], *, price: int, at: datetime,
    corrects: str | None = None,
) -> Invoice:  # fmt: skip
    """Write head, lines and voucher; a credit note's amounts are positive in the ERP, its voucher is reversed."""
    net, vat = (sum(cents(line[name]) for line in lines) for name in ("net", "vat"))
    total_home, net_home = home(net + vat, price), home(net, price)
    pay_days = 0 if order.by_card else debtor.pay_days
    row: Row = {
        "invoice_no": number,
        "printed_no": number.replace("S", "2", 1),
        "firm": order.firm,
        "kind": "SC" if corrects else "SI",
        "party_no": debtor.no,
        "order_no": str(order.no),
        "dated": day.today,
        "received_at": None,
        "sent_at": at,
        "due": day.today + timedelta(days=pay_days),
        "pay_days": pay_days,
        "currency": debtor.currency,
        "rate_100": per_hundred(price),
        "net": amount(net),
        "vat": amount(vat),
        "total": amount(net + vat),
        "net_home": amount(net_home),
        "vat_home": amount(total_home - net_home),
        "total_home": amount(total_home),
        "state": "P",
        "approved_by": None,
        "approved_at": None,
        "dispute": None,
        "corrects": corrects,
        "e_format": 1 if debtor.segment == "public" and debtor.land == "DK" else 0,
        "scan_no": None,
    }
    day.book.put("erp.invoice", row, at)
    for line in lines:
        day.book.put("erp.invoice_line", line, at)
    made = Invoice(number, order.firm, debtor.no, debtor.currency, price, net + vat, total_home, row)
    _post(day, made, lines, (net, vat, net_home), at)
    return made


def _post(day: Day, made: Invoice, lines: Sequence[Row], sums: tuple[int, int, int], at: datetime) -> None:
    net, vat, net_home = sums
    sign = -1 if made.row["corrects"] else 1
    freight = sum(cents(line["net"]) for line in lines if line["acct"] == FREIGHT)
    freight_home = home(freight, made.rate)
    voucher = Voucher(
        made.firm, "SA", "IV", made.no, at, made.currency, made.rate, "credit note" if sign < 0 else "sales invoice"
    )
    post(day, voucher, [
        Line(RECEIVABLE, sign * made.left, sign * made.left_home, "D", str(made.party)),
        Line(RETURNS if sign < 0 else SALES, -sign * (net - freight), -sign * (net_home - freight_home)),
        Line(FREIGHT, -sign * freight, -sign * freight_home),
        Line(VAT_OUT, -sign * vat, -sign * (made.left_home - net_home)),
    ])  # fmt: skip


def credit(day: Day, order: Order, pos: int, qty: int, at: datetime) -> None:
    """A credit note for what came back; it is applied to its invoice, else to the customer's next one."""
    if pos not in order.billed:
        day.later(1, "credit", (order.no, pos, qty))
        return
    corrects, price = order.billed[pos]
    debtor = day.world.customers[order.debtor]
    number = f"C{order.firm}-{day.world.number(f'credit{order.firm}'):06d}"
    line = _line(day, debtor, order, number, pos, qty=qty, index=1) | {"kind": "SC", "acct": RETURNS}
    made = _document(day, debtor, order, number, [line], price=price, at=at, corrects=corrects)
    payments.apply_credit(day, made, day.world.receivable.get(corrects), at)


def credit_later(day: Day, what: tuple[int, int, int]) -> None:
    """A credit note that had to wait for its invoice."""
    number, pos, qty = what
    credit(day, day.world.orders[number], pos, qty, day.at(day.world.orders[number].firm, 16.5))


def finish(day: Day, order: Order, at: datetime) -> None:
    """An order that is delivered and billed is done; it is remembered for a while, for what may come back."""
    done = not any(order.open_qty.values()) and order.delivered == order.deliveries == order.invoiced
    if done and order.row["state"] != orders.INVOICED:
        order.row["state"] = orders.INVOICED
        day.book.put("erp.so_head", order.row, at)
        day.later(_FORGOTTEN_AFTER, "forget", order.no)


def forget(day: Day, number: int) -> None:
    """An old order needs no memory."""
    day.world.orders.pop(number, None)
