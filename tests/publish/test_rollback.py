"""An earlier version comes back in every channel and stays until the hold is lifted, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from tests.publish.support import LINES, MODELS, TOTALS, MartsDatabase, Warehouse, line, with_columns

from backoffice.errors import PublishError
from backoffice.publish import (
    PublishedColumn,
    PublishedModel,
    current_file,
    finish_rollback,
    lift_hold,
    publish,
    publish_file,
    read_hold,
    recover,
    roll_back_to,
)
from backoffice.publish import hold as holds
from backoffice.publish import rollback as rollbacks
from backoffice.publish.compare import file_hashes, mart_hashes, postgres_hashes
from backoffice.publish.lock import publishing
from backoffice.settings import Settings

pytestmark = pytest.mark.postgres

WHO = {"actor": "ada", "reason": "prices of March are wrong"}


class Company:
    """A warehouse and its channels; each publication has a file of its own."""

    def __init__(self, warehouse: Warehouse, marts: MartsDatabase, settings: Settings) -> None:
        self.warehouse, self.marts = warehouse, marts
        self.settings = settings.model_copy(update={"marts_file_seconds": 0.0})
        self.hashes: dict[str, dict[str, str]] = {}
        self.versions: list[str] = []

    def publish(self, models: list[PublishedModel] = MODELS) -> str:
        now = self.warehouse.now
        publish(self.warehouse.connection, models, self.settings, **now.values)
        self.warehouse.connection.execute(
            "UPDATE meta.generation SET published_at = now() WHERE generation = ?", [now.number]
        )
        self.hashes[now.version] = mart_hashes(self.warehouse.connection, models)
        self.versions.append(now.version)
        return now.version

    def build(self, number: int) -> None:
        """The next generation: a line more, one changed, one gone, and a total."""
        self.warehouse.build()
        self.warehouse.put(LINES, line(f"k{number}"), line("same", note=f"n{number}"))
        if number > 1:
            self.warehouse.remove(LINES, f"k{number - 1}")
        self.warehouse.put(TOTALS, {"day": date(2026, 3, 1), "amount": Decimal(number), "currency_code": "DKK"})

    def shows(self, version: str, models: list[PublishedModel] = MODELS) -> bool:
        """Whether every channel shows the version, row for row."""
        file = current_file(self.settings)
        stable = self.settings.marts_dir / "marts.duckdb"
        assert file is not None
        return (
            self.marts.current() == file.version == version
            and stable.resolve().name == file.file
            and postgres_hashes(self.marts.reader_url, models) == self.hashes[version]
            and file_hashes(stable, models) == self.hashes[version]
        )


@pytest.fixture
def company(warehouse: Warehouse, marts: MartsDatabase, marts_settings: Settings) -> Company:
    """Three published versions."""
    made = Company(warehouse, marts, marts_settings)
    for number in range(1, 4):
        made.build(number)
        made.publish()
    return made


def test_every_channel_goes_back_and_forth(company):
    first, second, third = company.versions
    hold, changes = roll_back_to(company.settings, second, **WHO)
    assert (hold.state, hold.from_version, hold.version) == ("done", third, second)
    assert {change.model for change in changes if change.changed} == {LINES.name, TOTALS.name}
    assert company.shows(second)
    roll_back_to(company.settings, "", **WHO)  # the one before the one that is shown
    assert company.shows(first)
    roll_back_to(company.settings, third, **WHO)
    assert company.shows(third)
    lift_hold(company.settings, actor="bob")
    company.build(4)
    assert company.shows(company.publish())


def test_nothing_is_published_until_the_hold_is_lifted_and_nothing_is_lost(company):
    roll_back_to(company.settings, company.versions[0], **WHO)
    for number in (4, 5, 6):
        company.build(number)
        with pytest.raises(PublishError, match=r"rolled back from .* by ada because: prices of March are wrong"):
            company.publish()
        assert recover(company.warehouse.connection, MODELS, company.settings) is None
    assert company.shows(company.versions[0])
    lift_hold(company.settings, actor="bob")
    assert company.shows(company.publish())


def test_actor_and_reason_are_kept(company):
    roll_back_to(company.settings, company.versions[0], **WHO)
    found = read_hold(company.settings)
    assert found is not None
    assert (found.actor, found.reason, found.stops) == ("ada", "prices of March are wrong", True)
    lift_hold(company.settings, actor="bob", reason="corrected at the source")
    assert read_hold(company.settings).state == "lifted"
    with pytest.raises(PublishError, match="no hold is set"):
        lift_hold(company.settings, actor="bob")
    lines = (company.settings.publications_dir / "holds.jsonl").read_text().splitlines()
    events = [json.loads(text) for text in lines]
    assert [(event["event"], event["actor"], event["reason"]) for event in events] == [
        ("rollback", "ada", "prices of March are wrong"),
        ("lift", "bob", "corrected at the source"),
    ]
    assert (events[0]["version"], events[0]["from_version"]) == (company.versions[0], company.versions[-1])


@pytest.mark.parametrize("values", [{"actor": "ada", "reason": " "}, {"actor": "", "reason": "wrong"}])
def test_readers_are_told_who_and_why(company, values):
    with pytest.raises(PublishError, match="needs an actor and a reason"):
        roll_back_to(company.settings, company.versions[0], **values)


def test_a_version_without_a_file_is_refused_and_nothing_happens(company):
    first, second, third = company.versions
    (company.settings.marts_dir / f"marts-{first}.duckdb").unlink()
    with pytest.raises(PublishError, match=rf"no file of version {first} is kept; those kept: {third}, {second}"):
        roll_back_to(company.settings, first, **WHO)
    with pytest.raises(PublishError, match="no file of a version before"):
        roll_back_to(company.settings, second, **WHO)
        roll_back_to(company.settings, "", **WHO)
    lift_hold(company.settings, actor="ada")
    assert company.shows(second)


def test_without_postgres_nothing_happens(company, free_port):
    away = company.settings.model_copy(update={"marts_url": f"postgresql://nobody:x@127.0.0.1:{free_port()}/marts"})
    with pytest.raises(PublishError, match="cannot be reached"):
        roll_back_to(away, company.versions[0], **WHO)
    assert read_hold(company.settings) is None
    assert company.shows(company.versions[-1])


def test_models_that_changed_since_are_changed_back(company):
    wider = with_columns(TOTALS, *TOTALS.columns, PublishedColumn("lines", "BIGINT", "Lines."))
    another = PublishedModel("dim_day", "marts", "day", TOTALS.columns[:1], "Days.", "whole")
    company.marts.execute(
        f"CREATE VIEW public.days AS SELECT day, amount FROM {TOTALS.relation}",
        "ALTER VIEW public.days OWNER TO marts_publisher",
    )
    company.warehouse.create(wider)
    company.warehouse.create(another)
    company.warehouse.build()
    company.warehouse.put(wider, {"day": date(2026, 3, 2), "amount": Decimal(1), "lines": 2})
    company.warehouse.put(another, {"day": date(2026, 3, 1)})
    newest = [LINES, wider, another]
    version = company.publish(newest)
    company.marts.execute(f"REVOKE SELECT ON {another.relation} FROM reader")

    _, changes = roll_back_to(company.settings, company.versions[2], **WHO)
    actions = {change.model: change.action for change in changes}
    assert actions == {LINES.name: "compared", TOTALS.name: "rebuilt", another.name: "parked"}
    assert company.shows(company.versions[2])
    assert company.marts.query("SELECT to_regclass('marts.dim_day')") == [(None,)]
    assert company.marts.query("SELECT amount FROM public.days", url=company.marts.admin_url) == [(Decimal("3.00"),)]

    lift_hold(company.settings, actor="bob")
    company.publish(newest)
    # a REVOKE outlives the table's absence
    assert company.marts.query("SELECT has_table_privilege('reader', 'marts.dim_day', 'SELECT')") == [(False,)]
    assert postgres_hashes(company.marts.admin_url, newest) == company.hashes[version]
    assert company.marts.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'parked_marts'") == [(0,)]


KILLED = [
    ("hold", "write_text", 1),
    ("rollback", "find_file", 2),
    ("rollback", "publish_postgres", 1),
    ("registry", "record", 1),
    ("hold", "write_text", 2),
    ("rollback", "move_to", 1),
    ("file", "point", 1),
    ("file", "write_text", 1),
    ("hold", "write_text", 3),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_rollback_is_finished_or_never_was(company, after):
    first, _, third = company.versions
    company.warehouse.connection.close()
    for point in KILLED:
        child = os.fork()
        if child == 0:
            _killed_at(*point, after)
            try:
                roll_back_to(company.settings, first, **WHO)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, point
        never_was = point == KILLED[0] and not after
        with publishing(company.settings, wait=0):
            finish_rollback(company.settings)
            assert finish_rollback(company.settings) is None, point
        assert company.shows(third if never_was else first), point
        roll_back_to(company.settings, third, **WHO)


def _killed_at(module: str, name: str, call: int, after: bool) -> None:
    """In a child process: the nth call of a function kills it, before it begins or after it ended."""
    import importlib

    found = importlib.import_module(f"backoffice.publish.{module}")
    real, calls = getattr(found, name), []

    def called(*values: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*values, **named)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(found, name, called)


def test_a_publication_interrupted_before_a_rollback_is_not_rolled_forward(company, monkeypatch):
    from backoffice.publish import publication

    company.build(4)
    real = publication.publish_postgres
    monkeypatch.setattr(publication, "publish_postgres", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        company.publish()
    monkeypatch.setattr(publication, "publish_postgres", real)
    roll_back_to(company.settings, company.versions[0], **WHO)
    assert recover(company.warehouse.connection, MODELS, company.settings) is None
    assert company.shows(company.versions[0])


def test_a_rollback_waits_for_a_publisher_and_names_it(company, monkeypatch):
    monkeypatch.setattr(rollbacks, "publishing", lambda settings: publishing(settings, wait=0.1))
    with publishing(company.settings), pytest.raises(PublishError, match=rf"process {os.getpid()} is publishing"):
        roll_back_to(company.settings, company.versions[0], **WHO)
    assert read_hold(company.settings) is None


def test_an_unreadable_hold_stops_publishing(company):
    path = company.settings.publications_dir / "hold.json"
    path.write_text("{half")
    company.build(4)
    with pytest.raises(PublishError, match="hold cannot be read"):
        company.publish()
    holds.clear(company.settings)
    assert company.shows(company.publish())


def test_a_reader_of_the_version_rolled_back_from_keeps_it(company):
    stable = company.settings.marts_dir / "marts.duckdb"
    count = f"SELECT count(*) FROM {LINES.relation} WHERE line_key = 'k3'"
    with duckdb.connect(str(stable), read_only=True) as reader:
        roll_back_to(company.settings, company.versions[0], **WHO)
        assert reader.execute(count).fetchone() == (1,)
    with duckdb.connect(str(stable), read_only=True) as reader:
        assert reader.execute(count).fetchone() == (0,)


def test_the_file_a_rollback_leads_to_is_kept_however_old(company):
    first = company.settings.marts_dir / f"marts-{company.versions[0]}.duckdb"
    roll_back_to(company.settings, company.versions[0], **WHO)
    impatient = company.settings.model_copy(update={"marts_file_keep_seconds": 0.0})
    lift_hold(company.settings, actor="bob")
    company.build(4)
    publish_file(company.warehouse.connection, MODELS, company.settings, **company.warehouse.now.values)
    assert first.exists()  # it was superseded just now
    company.build(5)
    publish_file(company.warehouse.connection, MODELS, impatient, **company.warehouse.now.values)
    assert not first.exists()


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
