"""The company lives: its systems get a day as it comes, also when its process is killed in the middle of it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.simulate.company.fast import settings_of

from backoffice.contracts import load_contracts
from backoffice.errors import SettingsError, StorageError
from backoffice.onboard.check import check_mapping
from backoffice.settings import Settings
from backoffice.simulate.company import engine, history, live, papers
from backoffice.simulate.company.helpdesk import Helpdesk, event_id
from backoffice.simulate.company.history import (
    Plan,
    connect,
    faults_folder,
    helpdesk_path,
    inbox,
    load,
    play,
    prepare,
    world_path,
)  # fmt: skip
from backoffice.simulate.company.start import plan_of
from backoffice.simulate.company.tables import DATABASES, columns, keys, newest

TODAY = date(2026, 3, 3)
PLAN = Plan(seed=11, today=TODAY, days=20)
MIDNIGHT = datetime.combine(TODAY, datetime.min.time(), UTC)
CHECKOUT = Path(__file__).parents[3]

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def past():
    """What the history is made of."""
    return play(PLAN)


@pytest.fixture
def home(source_settings, request):
    """Settings of a company with its history; its systems are gone afterwards. A parameter changes settings."""
    settings = settings_of(source_settings.home, source_settings.source_port, source_settings.platform_port)
    settings = settings.model_copy(update=getattr(request, "param", {}))
    prepare(settings, PLAN)
    yield settings
    for path in [world_path(settings), world_path(settings).with_name("plan.json"), helpdesk_path(settings)]:
        path.unlink()
    for path in list(inbox(settings).rglob("*.*")):
        path.unlink()
    for system in DATABASES:
        with connect(settings, system) as connection:
            connection.execute(f"DROP SCHEMA {system} CASCADE; DROP SCHEMA simulator CASCADE")


def past_of(changes):
    past = history.Past()
    past.add(changes)
    return past.changes()


def rows_of(settings, table: str) -> dict[tuple[object, ...], tuple[object, ...]]:
    wanted, own = columns()[table], keys()[table]
    with connect(settings, table.partition(".")[0]) as connection:
        rows = connection.execute(f"SELECT {', '.join(wanted)} FROM {table}").fetchall()
    places = [wanted.index(name) for name in own]
    return {tuple(str(row[place]) for place in places): tuple(map(plain, row)) for row in rows}


def plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    text = str(value)
    return text.rstrip("0").rstrip(".") if text.replace(".", "").replace("-", "").isdigit() and "." in text else text


def expected(changes) -> dict[str, dict[tuple[object, ...], tuple[object, ...]]]:
    return {
        table: {tuple(map(str, key)): tuple(plain(row[name]) for name in columns()[table]) for key, row in rows.items()}
        for table, rows in newest(changes).items()
        if table in columns()
    }


def assert_systems_hold(settings, changes, days: list[list]) -> None:
    """Every table, file and event is what was played, once."""
    for table, rows in expected(changes).items():
        assert rows_of(settings, table) == rows, table
    due = [paper for day in days for paper in papers.of_day(day)]
    assert due
    for paper in due:
        assert (inbox(settings) / paper.name).read_bytes() == paper.content(), paper.name
    events = [event.id for event in Helpdesk(helpdesk_path(settings)).unsent(1_000_000)]
    wanted = [c for c in [*past_of(changes[: -sum(map(len, days))]), *[c for day in days for c in day]]
              if c.table in ("crm.ticket", "crm.note")]  # fmt: skip
    assert events == list(dict.fromkeys(event_id(change) for change in wanted))


def test_history_is_in_the_systems_and_maps(home, past, monkeypatch):
    world, changes = past
    for table, rows in expected(changes).items():
        assert rows_of(home, table) == rows, table
    assert load(home).today == world.today == TODAY - timedelta(days=1)
    for system in DATABASES:
        report = check_mapping(home.sources_dir / f"{system}.yaml", load_contracts(home.contracts_dir), home, full=True)
        assert report.findings == []
        empty = {coverage.table for coverage in report.coverage if not coverage.rows}
        assert empty <= {"hr.hr_case/hr_case", "documents.document/compliance_obligation"}


@pytest.mark.parametrize("home", [{"demo_faults": 40.0}], indirect=True)
def test_rules_of_the_contracts_see_faults_of_the_databases(home):
    """Each once, and nothing else; the voucher's faults are seen in base."""
    made = [json.loads(line) for line in (faults_folder(home) / "history.jsonl").read_text("utf-8").splitlines()]
    seen = {
        ("F04", "erp.so_line"): "product_id",
        ("F05", "erp.so_head"): "channel",
        ("F05", "hris.task"): "work_type",
        ("F31", "erp.debtor"): "language_code",
    }
    logged = Counter(seen[f["fault"], f["table"]] for f in made if (f["fault"], f["table"]) in seen)
    found: Counter[str] = Counter()
    for system in DATABASES:
        path = home.sources_dir / f"{system}.yaml"
        for finding in check_mapping(path, load_contracts(home.contracts_dir), home, full=True).findings:
            found[finding.column] += finding.rows
    assert set(logged) == set(seen.values())
    assert found == logged
    world, now = load(home), MIDNIGHT + timedelta(days=1)
    assert world.faults == 40.0
    live.run(
        home.model_copy(update={"demo_faults": 0.0}), stop := threading.Event(), lambda: stop_after(home, stop, now)
    )
    assert (faults_folder(home) / f"{TODAY}.jsonl").exists()
    assert load(home).faults == 0.0


def stop_after(settings, stop: threading.Event, now: datetime) -> datetime:
    """A clock that ends the run once the first day is whole."""
    if load(settings).today == TODAY:
        stop.set()
    return now


def test_preparing_again_changes_nothing_and_another_seed_is_refused(home):
    before = (world_path(home).read_bytes(), sorted(inbox(home).rglob("*.*")))
    prepare(home, Plan(PLAN.seed, TODAY + timedelta(days=9), PLAN.days))
    assert (world_path(home).read_bytes(), sorted(inbox(home).rglob("*.*"))) == before
    with pytest.raises(SettingsError, match="another seed"):
        prepare(home, Plan(PLAN.seed + 1, TODAY, PLAN.days))


def test_a_start_that_was_cut_off_goes_on(home, past):
    """As when it was killed between the databases and the checkpoint."""
    world_path(home).unlink()
    helpdesk_path(home).unlink()
    with connect(home, "hris") as connection:
        connection.execute("DROP SCHEMA hris CASCADE; DROP SCHEMA simulator CASCADE")
    next(iter(inbox(home).rglob("sporing_*.csv"))).unlink()
    prepare(home, PLAN)
    for table, rows in expected(past[1]).items():
        assert rows_of(home, table) == rows, table
    assert list(inbox(home).rglob("sporing_*.csv"))


def test_a_state_of_another_version_is_refused(home, monkeypatch):
    monkeypatch.setattr(history, "shape", lambda: "of another version")
    with pytest.raises(StorageError, match="another version"):
        load(home)


def test_days_that_were_missed_are_made_up_for(home, past):
    stop, world, changes = threading.Event(), load(home), list(past[1])
    days = [engine.play(world, TODAY + timedelta(days=number)) for number in range(3)]

    def clock() -> datetime:
        if load(home).today == TODAY + timedelta(days=1):
            stop.set()
        return MIDNIGHT + timedelta(days=2)

    live.run(home, stop, clock)
    assert_systems_hold(home, changes + days[0] + days[1], days[:2])


@pytest.mark.parametrize("home", [{"demo_changes_per_second": 400.0}], indirect=True)
def test_missed_days_are_made_up_for_at_a_pace(home, past, monkeypatch):
    """Nothing comes before its turn, what has one moment comes together, and in the end all of it is there."""
    world = load(home)
    changes = engine.play(world, TODAY)
    passed, told, stop = [0.0], [], threading.Event()
    monkeypatch.setattr(live.time, "monotonic", lambda: passed[0])
    pace = live.Pace(400.0, changes)
    monkeypatch.setattr(live, "Pace", lambda *_: pace)

    def clock() -> datetime:
        passed[0] += 0.25
        with connect(home, "erp") as connection:
            told.append(connection.execute("SELECT place FROM simulator.progress").fetchone()[0])
        if load(home).today == TODAY:
            stop.set()
        return MIDNIGHT + timedelta(days=1)

    live.run(home, stop, clock)
    moments = sorted(change.at for change in changes)
    of_erp = [change.at for change in changes if change.system == "erp"]
    for looks, place in enumerate(told[:-2]):
        due = [at for at in moments if at <= moments[100 * looks - 1]] if looks else []
        assert place <= len(due)
        assert place == sum(at <= due[-1] for at in of_erp) if due else place == 0
    assert len(told) > len(changes) / 100
    assert_systems_hold(home, list(past[1]) + changes, [changes])


def test_a_history_may_end_before_today():
    settings = Settings(demo_seed=3, demo_days=30, demo_missed_days=4)
    assert plan_of(settings, TODAY) == Plan(3, TODAY - timedelta(days=4), 30)


def test_what_is_not_due_is_not_told(home, past):
    world = load(home)
    changes = engine.play(world, TODAY)
    noon = MIDNIGHT + timedelta(hours=12)
    for system in live.outlets(home, TODAY, changes):
        system.advance(noon)
    until_noon = [change for change in changes if change.at <= noon]
    for table, rows in expected([*past[1], *until_noon]).items():
        assert rows_of(home, table) == rows, table
    written = versions_of(home, "erp.ledger_line"), versions_of(home, "erp.so_head")
    for system in live.outlets(home, TODAY, changes):  # as after a kill: nothing is written again
        system.advance(noon)
    assert (versions_of(home, "erp.ledger_line"), versions_of(home, "erp.so_head")) == written


def versions_of(settings, table: str) -> dict[str, str]:
    """The transaction that wrote each row."""
    key = keys()[table][0]
    with connect(settings, "erp") as connection:
        return dict(connection.execute(f"SELECT ctid::text, {key} || ' ' || xmin::text FROM {table}").fetchall())


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_killed_again_and_again_there_is_neither_gap_nor_double(home, past, seed):
    """Two days pass in some seconds while the process is killed at random moments."""
    chance, began, speed = random.Random(seed), time.time(), 2 * 86_400 / 12
    world = load(home)
    days = [engine.play(world, TODAY + timedelta(days=number)) for number in range(2)]
    command = [sys.executable, "-m", "tests.simulate.company.fast", str(home.home), str(home.source_port),
               str(home.platform_port), str(began), str(speed)]  # fmt: skip
    kills, deadline = 0, time.monotonic() + 180
    while load(home).today < TODAY + timedelta(days=1):
        assert time.monotonic() < deadline
        environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT / 'plugins'}{os.pathsep}{CHECKOUT}"}
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=subprocess.DEVNULL)
        lives = chance.uniform(0.8, 2.5) if kills < 6 else 12
        until = time.monotonic() + lives
        while time.monotonic() < until and load(home).today < TODAY + timedelta(days=1):
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills >= 3
    assert_systems_hold(home, [*past[1], *days[0], *days[1]], days)
