"""A day from morning to evening: what the days before left to do, then what the day itself brings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from backoffice.simulate.company import (
    bank,
    cases,
    closing,
    documents,
    equipment,
    feedback,
    filings,
    founding,
    fx,
    hiring,
    invoicing,
    orders,
    partners,
    payments,
    payroll,
    people,
    purchasing,
    range_of_goods,
    shipping,
    stock,
    tickets,
    training,
    work,
)  # fmt: skip
from backoffice.simulate.company.book import Change
from backoffice.simulate.company.day import Day, Handler
from backoffice.simulate.company.world import World

# in this order: goods come in before anything is promised or sent, and what is sent is billed in the evening
HANDLERS: dict[str, Handler] = {
    "new_boss": people.new_boss,
    "hire": hiring.hire,
    "vacancy": hiring.open_vacancy,
    "vacancy_cancel": hiring.cancel,
    "asset_ready": equipment.ready,
    "goods": purchasing.receive,
    "cancel": orders.cancel,
    "try_again": orders.try_again,
    "ship": shipping.ship,
    "scan": shipping.scanned,
    "deliver": shipping.deliver,
    "come_back": shipping.come_back,
    "invoice": invoicing.invoice,
    "credit": invoicing.credit_later,
    "forget": invoicing.forget,
    "payout": payments.payout,
    "receive": payments.receive,
    "write_off": payments.write_off,
    "clear": payments.clear,
    "pay_fee": payments.pay_fee,
    "goods_bill": purchasing.goods_bill,
    "service_bill": purchasing.service_bill,
    "freelance_bill": purchasing.freelance_bill,
    "complain": tickets.complain,
    "ticket_reply": tickets.reply,
    "ticket_answer": tickets.answer,
    "ticket_solve": tickets.solve,
    "ticket_reopen": tickets.reopen,
    "ticket_close": tickets.close,
    "case_seen": cases.seen,
    "case_solved": cases.solved,
    "course_done": training.done,
    "course_again": training.again,
    "task_done": work.done,
    "check_done": documents.check_done,
    "translate": documents.translate,
    "file": filings.submit,
    "accept": filings.accept,
    "leave": people.leave,
}

STEPS: tuple[Callable[[Day], Any], ...] = (
    fx.step, bank.statements, partners.step, range_of_goods.step, people.step, hiring.step, training.step,
    equipment.outages, stock.step, purchasing.step, orders.step,
)  # fmt: skip
EVENING: tuple[Callable[[Day], Any], ...] = (
    payments.run, payroll.step, filings.step, tickets.step, feedback.step, cases.step, work.step, documents.step,
    closing.step,
)  # fmt: skip


def play(world: World, today: date) -> list[Change]:
    """Play a day; the world is then as after it.

    Returns:
        what changed in all systems, in order of its moment.

    Raises:
        ValueError: the day is not the one after the last.
    """
    if today != (world.born if world.today is None else world.today + timedelta(days=1)):
        raise ValueError(f"{today} does not follow {world.today}")
    day = Day(world, today)
    if today == world.born:
        founding.open_business(day)
    for step in STEPS[today == world.born :]:
        step(day)
    _what_is_due(day)
    for step in EVENING:
        step(day)
    _what_is_due(day)
    world.queue.pop(today, None)
    world.today = today
    return day.book.in_order()


def _what_is_due(day: Day) -> None:
    """Until nothing is left; what a handler leaves for this day is done on it."""
    while due := day.world.queue.get(day.today):
        kind = next(name for name in HANDLERS if name in due)
        for what in due.pop(kind):
            HANDLERS[kind](day, what)
