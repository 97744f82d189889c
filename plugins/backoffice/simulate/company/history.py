"""The past: played in one go, written into the systems, and put aside as the state the present goes on from."""

from __future__ import annotations

import gc
import json
import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter
from pathlib import Path

import psycopg

from backoffice.addresses import SOURCE_OWNER, source_url
from backoffice.durable import sync_folder, write_text
from backoffice.errors import SettingsError, StorageError
from backoffice.ops.postgres import ensure_source_database
from backoffice.settings import Settings
from backoffice.simulate.company import databases, engine, faults, founding, papers
from backoffice.simulate.company.book import Change
from backoffice.simulate.company.helpdesk import Helpdesk
from backoffice.simulate.company.tables import DATABASES, keys, newest
from backoffice.simulate.company.world import World, shape

log = logging.getLogger(__name__)

DAYS = 365
SEED = 1
_CURRENT = (*DATABASES, "archive")
_OPTIONS = "-c timezone=UTC -c lock_timeout=10s"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided before anything was written, so that a start that was cut off goes on with the same.

    Args:
        today: first day that is lived, not history.
    """

    seed: int
    today: date
    days: int

    @property
    def born(self) -> date:
        """First day of the history."""
        return self.today - timedelta(days=self.days)


def folder(settings: Settings) -> Path:
    """Where the simulator keeps its own: plan, checkpoint, the helpdesk's database, the log of faults."""
    return settings.home / "company"


def inbox(settings: Settings) -> Path:
    """Where the systems that send files put them."""
    return settings.home / "inbox"


class Past:
    """What the systems say of the days before: rows and tickets as they are now, everything else as it was told."""

    def __init__(self) -> None:
        self._newest: dict[tuple[object, ...], tuple[int, Change]] = {}
        self._told: list[tuple[int, Change]] = []
        self._count = 0

    def add(self, changes: Iterable[Change]) -> None:
        """The changes of the next day."""
        known = keys()
        for change in changes:
            self._count += 1
            if change.system in _CURRENT or change.table == "crm.ticket":
                key = (change.table, *(change.row[name] for name in known[change.table]))
                self._newest[key] = (self._count, change)
            else:
                self._told.append((self._count, change))

    def changes(self) -> list[Change]:
        """All of it, in the order it happened."""
        return [change for _, change in sorted([*self._newest.values(), *self._told], key=itemgetter(0))]


def play(plan: Plan) -> tuple[World, list[Change]]:
    """All days of the history, and what is left of them in the systems."""
    world, past = founding.found(plan.seed, plan.born), Past()
    with _no_cycles():
        for day in range(plan.days):
            past.add(engine.play(world, plan.born + timedelta(days=day)))
    return world, past.changes()


@contextmanager
def _no_cycles() -> Iterator[None]:
    """A million rows without a cycle among them need no search for cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def prepare(settings: Settings, plan: Plan) -> None:
    """Fill the systems with their history, unless that is done; what a kill left undone is done by the next call.

    Raises:
        SettingsError: the source is an external server, or there is a history with another seed or other dates.
    """
    refuse_external(settings)
    plan = _decided(settings, plan)
    if world_path(settings).exists():
        return
    world, changes = play(plan)
    changes = _with_faults(settings, plan, changes)
    tables = {name: list(rows.values()) for name, rows in newest(changes).items()}
    for system in DATABASES:
        ensure_source_database(settings, system)
        with connect(settings, system) as connection:
            if not databases.is_there(connection, system):
                databases.create(connection, system, tables, plan.today)
    for _ in papers.write(inbox(settings), papers.of_history(changes, plan.today)):
        pass
    helpdesk = Helpdesk(helpdesk_path(settings))
    if helpdesk.place() is None:
        helpdesk.deliver(changes_of_helpdesk(changes), (plan.today, 0))
    wish(settings, world)
    save(settings, world)
    log.info("the company has a history of %d days, %d rows", plan.days, sum(map(len, tables.values())))


def changes_of_helpdesk(changes: Iterable[Change]) -> list[Change]:
    """Those of its own tables."""
    return [change for change in changes if change.system == "crm"]


def wish(settings: Settings, world: World) -> None:
    """What the settings ask for counts from the world's next day on."""
    world.volume, world.faults, world.fault_kinds = (
        settings.demo_volume, settings.demo_faults, settings.demo_fault_kinds
    )  # fmt: skip


def _with_faults(settings: Settings, plan: Plan, changes: list[Change]) -> list[Change]:
    if settings.demo_faults:
        kinds = faults.chosen(settings.demo_fault_kinds)
        changes, made = faults.make(
            changes, kinds, plan.seed, plan.born, settings.demo_faults, least=settings.demo_faults_least
        )
        faults.keep(faults_folder(settings), "history", made)
    return changes


def faults_folder(settings: Settings) -> Path:
    """The truth about faults: ``history.jsonl`` and a file for each day that had some."""
    return folder(settings) / "faults"


def _decided(settings: Settings, plan: Plan) -> Plan:
    path = folder(settings) / "plan.json"
    if not path.exists():
        write_text(path, json.dumps({"seed": plan.seed, "today": plan.today.isoformat(), "days": plan.days}))
    kept = read_plan(settings)
    if kept is None or (kept.seed, kept.days) != (plan.seed, plan.days):
        raise SettingsError(
            f"there is a company with another seed or history: {kept}",
            where=str(path),
            rule="one company lives in one home",
            next_step="`make reset` begins anew, or leave seed and days as they were",
        )
    return kept


def read_plan(settings: Settings) -> Plan | None:
    """The plan that was decided; None before the first start."""
    path = folder(settings) / "plan.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return Plan(found["seed"], date.fromisoformat(found["today"]), found["days"])


def world_path(settings: Settings) -> Path:
    """The checkpoint: the world after the last day all systems have whole."""
    return folder(settings) / "world.pickle"


def helpdesk_path(settings: Settings) -> Path:
    """The helpdesk's database."""
    return folder(settings) / "helpdesk.sqlite"


def save(settings: Settings, world: World) -> None:
    """Replace the checkpoint, in one step that lasts."""
    path = world_path(settings)
    half = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with half.open("wb") as file:
        pickle.dump(shape(), file)
        pickle.dump(world, file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    sync_folder(path.parent)


def load(settings: Settings) -> World:
    """The checkpoint.

    Raises:
        StorageError: there is none, or another version of the program wrote it.
    """
    path = world_path(settings)
    if not path.exists():
        raise StorageError(
            "the company has no history yet", where=str(path), next_step="run `backoffice simulate history` first"
        )
    with path.open("rb") as file:
        if pickle.load(file) != shape():
            raise StorageError(
                "the company's state was written by another version of the program",
                where=str(path),
                rule="a day follows from the state before it, by the same program",
                next_step="`make reset` begins anew",
            )
        world: World = pickle.load(file)
    return world


def connect(settings: Settings, system: str) -> databases.Connection:
    """A connection to a system's database as the owner of its tables."""
    return psycopg.connect(
        source_url(settings, system, SOURCE_OWNER),
        autocommit=True,
        connect_timeout=5,
        options=_OPTIONS,
        application_name="company",
        tcp_user_timeout=30_000,
    )


def refuse_external(settings: Settings) -> None:
    """Keep made-up business out of real systems.

    Raises:
        SettingsError: the source is an external server.
    """
    if settings.source_url:
        raise SettingsError(
            "the company writes made-up business and runs only on the embedded source server",
            where="BACKOFFICE_SOURCE_URL",
            next_step="set BACKOFFICE_DEMO=false, or unset BACKOFFICE_SOURCE_URL",
        )
