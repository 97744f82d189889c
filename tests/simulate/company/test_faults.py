"""Faults on purpose: the same each time, nowhere else than the log says, and seen by the rules that should see them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tests.simulate.company import books

from backoffice.contracts import load_contracts
from backoffice.errors import SettingsError
from backoffice.onboard.check import check_mapping
from backoffice.settings import Settings
from backoffice.simulate.company import faults, papers
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.history import Past
from backoffice.simulate.company.tables import keys

COMPANY = Settings().sources_dir
RATE = 30.0


@pytest.fixture(scope="module")
def spoiled(sixty_days):
    return faults.make(sixty_days.changes, faults.KINDS, 5, books.TODAY, RATE)


@pytest.fixture(scope="module")
def history(sixty_days):
    past = Past()
    past.add(sixty_days.changes)
    return past.changes()


def row_key(table: str, row: dict[str, object]) -> tuple[str, ...]:
    return (table, *(str(row[name]) for name in keys()[table]))


def test_faults_are_where_the_log_says_and_nowhere_else(sixty_days, spoiled):
    changes, made = spoiled
    assert len(made) > 100
    told = {id(change) for change in changes}
    before, after = {id(change) for change in sixty_days.changes}, Counter(row_key(c.table, c.row) for c in changes)
    gone = Counter(row_key(c.table, c.row) for c in sixty_days.changes if id(c) not in told)
    new = Counter(row_key(c.table, c.row) for c in changes if id(c) not in before)
    places = [place for fault in made for place in ((fault.table, fault.key), *fault.along)]
    logged = Counter((table, *key.values()) for table, key in places)
    assert (gone | new).keys() <= logged.keys()
    beside = {row_key(fault.table, fault.key) for fault in made if fault.fault in ("F17", "F21", "F22")}
    assert {key for key in logged if key not in gone | new} == beside  # a copy was told besides these
    assert all(after[key] for key in beside)
    assert not any(change in sixty_days.changes for change in changes if change.row.get("prio") == "blocker")


def test_every_kind_happens_at_its_rate(sixty_days, spoiled):
    made = Counter((fault.fault, fault.table) for fault in spoiled[1])
    told, chance = faults.Told(sixty_days.changes), Chance(5, "any", books.TODAY)
    for kind in faults.KINDS:
        places = told.of(kind.table)
        some = places[:: 1 + len(places) // 400]
        able = sum(kind.do(told, place, chance) is not None for place in some)
        expected = able * len(places) / len(some) * kind.rate * (1 if kind.steady else RATE) / 10_000
        if expected > 30:
            assert 0.5 * expected < made[kind.fault, kind.table] < 1.6 * expected, kind


def test_of_each_kind_there_are_as_many_as_are_wanted(history):
    made = faults.make(history, faults.KINDS, 5, books.TODAY, 0.001, least=2)[1]
    counted = Counter((fault.fault, fault.table) for fault in made)
    assert {counted[kind.fault, kind.table] for kind in faults.KINDS if not kind.steady and kind.fault != "F19"} == {2}
    assert min(counted[kind.fault, kind.table] for kind in faults.KINDS if kind.steady) >= 2


def test_the_same_seed_and_day_give_the_same_faults(sixty_days, spoiled):
    assert faults.make(sixty_days.changes, faults.KINDS, 5, books.TODAY, RATE) == spoiled
    assert faults.make(sixty_days.changes, faults.KINDS, 6, books.TODAY, RATE)[1] != spoiled[1]
    assert faults.make(sixty_days.changes, faults.KINDS, 5, books.TODAY, 0) == (list(sixty_days.changes), [])


def test_the_log_is_one_json_line_a_fault(spoiled, tmp_path):
    for _ in range(2):
        faults.keep(tmp_path, "history", spoiled[1])
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(spoiled[1])
    assert set(lines[0]) == {"fault", "system", "table", "key", "at", "says", "along", "seen_at"}


def test_unknown_kinds_are_refused():
    assert {kind.fault for kind in faults.chosen("F05, F40")} == {"F05", "F40"}
    with pytest.raises(SettingsError, match="F99"):
        faults.chosen("F05,F99")


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("carrier", {("F02", "shipment_id"), ("F05", "event_type")}),
        ("archive", {("F02", "sha256")}),
        ("timesheets", set()),
    ],
)
def test_rules_of_the_contracts_see_them(source, seen, sixty_days, tmp_path):
    """As many rows as the log says, and no other; an hour too many is seen by nothing."""
    table = {"carrier": "carrier.scan", "archive": "archive.document", "timesheets": "hours.entry"}[source]
    kinds = [kind for kind in faults.KINDS if kind.table == table and kind.fault != "F04"]
    newest = {row_key(c.table, c.row): c for c in sixty_days.changes if c.table == table}
    changes, made = faults.make(list(newest.values()), kinds, 5, books.TODAY, RATE)
    list(papers.write(tmp_path / "inbox", papers.of_history(changes, books.TODAY)))
    others = [c for c in sixty_days.changes if c.table == "archive.check"]
    list(papers.write(tmp_path / "inbox", papers.of_history(others, books.TODAY)))
    settings = Settings(home=tmp_path)
    report = check_mapping(COMPANY / f"{source}.yaml", load_contracts(settings.contracts_dir), settings, full=True)
    found = Counter({finding.column: finding.rows for finding in report.findings})
    logged = Counter(column for fault in made for number, column in seen if fault.fault == number)
    twice = sum(fault.fault == "F01" for fault in made)
    logged += Counter({"Hændelse": twice})  # the second line of a key
    assert made
    assert found == logged
