"""The company's books hold to the cent, its behaviour is calibrated, and a seed gives the same rows each time."""

from __future__ import annotations

import hashlib
import pickle
from datetime import timedelta

import pytest
from tests.simulate.company import books
from tests.simulate.company.books import cents

from backoffice.simulate.company import engine, founding, tables

LONG_DAYS = 365


@pytest.mark.parametrize("check", books.CHECKS, ids=lambda check: check.__name__)
def test_books_hold_after_sixty_days(sixty_days, check):
    assert check(sixty_days) == []


def test_rows_have_the_columns_of_their_tables(sixty_days):
    for table, wanted in tables.columns().items():
        assert sixty_days.rows[table], table
        assert {tuple(sorted(row)) for row in sixty_days.rows[table]} == {tuple(sorted(wanted))}, table


def test_changes_come_in_order_and_within_their_day(sixty_days):
    moments = [change.at for change in sixty_days.changes]
    assert moments == sorted(moments)
    assert moments[0].date() == sixty_days.world.born
    assert moments[-1].date() == sixty_days.world.today


def test_a_key_is_never_given_to_two_things(sixty_days):
    """A row keeps the moment it was made at in all its versions."""
    made = {}
    keys = tables.keys()
    for change in sixty_days.changes:
        if "created_at" in change.row:
            key = (change.table, *(change.row[name] for name in keys[change.table]))
            assert made.setdefault(key, change.row["created_at"]) == change.row["created_at"], key


def test_every_kind_of_the_day_is_handled(sixty_days):
    waiting = {kind for events in sixty_days.world.queue.values() for kind in events}
    assert waiting <= set(engine.HANDLERS)
    assert min(sixty_days.world.queue) > sixty_days.world.today


def digest(changes) -> str:
    return hashlib.sha256(repr([(c.table, c.at, c.row) for c in changes]).encode()).hexdigest()


def test_a_seed_gives_the_same_rows_and_another_one_others():
    one, again, other = (books.keep(6, seed) for seed in (7, 7, 8))
    assert digest(one.changes) == digest(again.changes) != digest(other.changes)


def test_a_world_put_aside_goes_on_as_if_nothing_had_been():
    world = founding.found(3, books.TODAY)
    for day in range(4):
        engine.play(world, books.TODAY + timedelta(days=day))
    kept = pickle.loads(pickle.dumps(world))
    for day in range(4, 8):
        today = books.TODAY + timedelta(days=day)
        assert digest(engine.play(kept, today)) == digest(engine.play(world, today))


def test_days_are_played_in_turn():
    world = founding.found(3, books.TODAY)
    with pytest.raises(ValueError, match="does not follow"):
        engine.play(world, books.TODAY + timedelta(days=1))


def test_volume_multiplies_orders_from_the_next_day_on():
    quiet, busy = founding.found(3, books.TODAY), founding.found(3, books.TODAY)
    for world in (quiet, busy):
        engine.play(world, books.TODAY)
    busy.volume = 10.0
    tomorrow = books.TODAY + timedelta(days=1)
    orders = [
        len([c for c in engine.play(world, tomorrow) if c.table == "erp.so_head" and c.row["state"] == 10])
        for world in (quiet, busy)
    ]
    assert 7 * orders[0] < orders[1] < 13 * orders[0]


@pytest.fixture(scope="module")
def year():
    return books.keep(LONG_DAYS, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("check", books.CHECKS, ids=lambda check: check.__name__)
def test_books_hold_after_a_year(year, check):
    assert check(year) == []


@pytest.mark.slow
def test_the_year_is_calibrated(year):
    assert sum(len(rows) for rows in year.rows.values()) > 300_000
    assert 0.85 <= _otif(year) <= 0.95
    assert 0.12 <= _turnover(year) <= 0.15
    assert all(35 <= days <= 50 for days in _days_of_sales(year).values()), _days_of_sales(year)
    replies = sorted(row["first_reply"] - row["opened"] for row in year.rows["crm.ticket"] if row["first_reply"])
    assert timedelta(hours=2) <= replies[len(replies) // 2] <= timedelta(hours=4)


def _otif(year) -> float:
    """Of orders old enough to be done: everything that was ordered delivered by the day promised."""
    lines, last = {}, {}
    for row in year.rows["erp.so_line"]:
        lines.setdefault(row["so_no"], []).append(row)
    for row in year.of("erp.delivery", way="O"):
        arrived = row["delivered_at"].date() if row["delivered_at"] else books.date.max
        last[row["so_no"]] = max(arrived, last.get(row["so_no"], arrived))
    until = year.world.today - timedelta(days=25)
    old = [row for row in year.rows["erp.so_head"] if row["entered_at"].date() < until and row["state"] != 90]
    good = [
        row for row in old
        if all(line["cancelled"] == 0 for line in lines[row["so_no"]])
        and last.get(row["so_no"], books.date.max) <= row["promised_on"]
    ]  # fmt: skip
    return len(good) / len(old)


def _turnover(year) -> float:
    staff = year.of("hris.person", engagement="P")
    left = [row for row in staff if row["left_on"]]
    return len(left) / (len(staff) - len(left) / 2)


def _days_of_sales(year) -> dict[int, float]:
    days = {}
    for firm in year.world.firms:
        owed = sum(books.home(row) for row in year.ledger("1100") if row["firm"] == firm)
        documents = [row for row in year.of("erp.invoice", firm=firm) if row["kind"] != "PI"]
        days[firm] = owed / sum(books.signed_total(row) for row in documents) * LONG_DAYS
    assert cents("1.00") == 100
    return days
