"""Payments of two English councils through collector, loader and landing gate: to the row and the penny.

What a file holds is counted here by Python's own csv reader, which knows nothing of dialects, drift or quarantine.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import duckdb
import pytest
from tests.data import shared_data

from backoffice.collect.files import FileCollector
from backoffice.collect.files.findings import findings_of
from backoffice.contracts import load_contracts
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, load_source
from backoffice.sources.mapping import mapped_tables, row_select
from backoffice.validate import validate
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import load

AMOUNTS = ("gross", "amount", "net amount")
OTHER_TABLES = {"2022-07.csv"}  # Salford's register of contracts

Files = dict[str, bytes]


@dataclass
class World:
    """One council's folder, and a warehouse of its own."""

    settings: Settings
    config: SourceConfig
    connection: duckdb.DuckDBPyConnection
    landed: list[Manifest] = field(default_factory=list)
    mtime: int = 1_600_000_000

    def drop(self, files: Files) -> None:
        folder = self.settings.home / "inbox" / self.config.source
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in sorted(files.items()):
            self.mtime += 1
            (folder / name).write_bytes(content)
            os.utime(folder / name, (self.mtime, self.mtime))

    def collect(self) -> list[Manifest]:
        store = LocalBatchStore(self.settings.landing_dir)
        found = FileCollector(self.config, store, self.settings).scan_once()
        self.landed += found
        return found

    def judge(self) -> dict[str, int]:
        """Load and judge what came; verdicts by rule."""
        store, sources = LocalBatchStore(self.settings.landing_dir), {self.config.source: self.config}
        generation = load(self.connection, store, sources, fingerprint="f", holder="test").generation
        contracts = load_contracts(self.settings.contracts_dir)
        found = validate(self.connection, store, sources, contracts, settings=self.settings, generation=generation)
        return found.by_rule

    def accepted(self) -> dict[tuple[str, int], Decimal]:
        """File and number of each accepted row → what was paid, from the canonical columns."""
        (item,) = mapped_tables({"s": self.config}, load_contracts(self.settings.contracts_dir))
        rows = self.connection.execute(
            f"""SELECT _source_file, _row_no, CASE direction WHEN 'outbound' THEN amount ELSE -amount END
            FROM ({row_select(item, f"raw.{item.raw_name}")}) AS r WHERE _op <> 'd' AND NOT EXISTS (
                SELECT 1 FROM meta.quarantined AS q WHERE q.batch_id = r._batch_id AND q.row_no = r._row_no)"""
        ).fetchall()
        return {(file, number): amount for file, number, amount in rows}

    def quarantined(self) -> set[tuple[str, int]]:
        rows = self.connection.execute(
            f"""SELECT r._source_file, r._row_no FROM raw.{self.config.source}__payments AS r
            JOIN meta.quarantined AS q ON q.batch_id = r._batch_id AND q.row_no = r._row_no"""
        ).fetchall()
        return {(file, number) for file, number in rows}


@pytest.fixture
def world(settings: Settings, request: pytest.FixtureRequest) -> Iterator[World]:
    settings = settings.model_copy(update={"file_stable_seconds": 0.0})
    config = load_source(settings.sources_dir / "templates" / f"{request.param}.yaml")
    with open_warehouse(settings) as connection:
        yield World(settings, config, connection)


def _published(council: str) -> Files:
    with zipfile.ZipFile(shared_data(f"uk-council-spend/{council}.zip")) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        return {member.filename.rpartition("/")[2]: archive.read(member) for member in members}


def _one_of_each_header(files: Files) -> Files:
    found = {content.split(b"\n", 1)[0]: name for name, content in sorted(files.items())}
    return {name: files[name] for name in found.values()}


def _records(content: bytes) -> list[list[str]]:
    text = io.StringIO(content.decode("utf-8", "replace"), newline="")
    return [record for record in csv.reader(text) if record]


def _amounts(content: bytes) -> list[Decimal]:
    """What each record says was paid; nothing where no number stands."""
    header, *records = _records(content)
    place = next(place for place, name in enumerate(header) if name.strip().casefold() in AMOUNTS)
    return [_number(record[place]) if place < len(record) else Decimal(0) for record in records]


def _number(text: str) -> Decimal:
    try:
        return Decimal(text.replace(",", "").strip() or "0")
    except InvalidOperation:
        return Decimal(0)


def _check(world: World, files: Files) -> dict[str, int]:
    """Drop all, and compare with the count of our own; returns the verdicts by rule."""
    once: dict[str, str] = {}
    for name, content in sorted(files.items()):
        once.setdefault(hashlib.sha256(content).hexdigest(), name)
    wanted = {
        (name, number): amount
        for name in once.values()
        if name not in OTHER_TABLES or world.config.source != "salford"
        for number, amount in enumerate(_amounts(files[name]), 1)
    }
    world.drop(files)
    world.collect()
    rules = world.judge()
    accepted, quarantined = world.accepted(), world.quarantined()
    assert accepted.keys().isdisjoint(quarantined)
    assert accepted.keys() | quarantined == wanted.keys()
    assert {place: amount for place, amount in accepted.items() if amount != wanted[place]} == {}
    out = sum(wanted[place] for place in quarantined)
    assert sum(accepted.values()) + out == sum(wanted.values())
    assert not [manifest.notes["replaces"] for manifest in world.landed if "replaces" in manifest.notes]
    return rules


@pytest.mark.parametrize("world", ["salford"], indirect=True)
def test_salford_each_header_to_the_row_and_the_penny(world: World) -> None:
    files = _one_of_each_header(_published("salford"))
    assert len(files) == 16
    rules = _check(world, files)
    assert rules.keys() == {"payment.readable", "payment.type"}
    assert _set_aside(world) == ["2022-07.csv"]


@pytest.mark.parametrize("world", ["harrogate"], indirect=True)
def test_harrogate_each_header_to_the_row_and_the_penny(world: World) -> None:
    files = _one_of_each_header(_published("harrogate"))
    assert len(files) == 18
    _check(world, files)
    assert _set_aside(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("world", ["salford"], indirect=True)
def test_all_of_salford(world: World) -> None:
    files = _published("salford")
    assert (len(files), sum(len(_records(content)) - 1 for content in files.values())) == (132, 248_245)
    assert _check(world, files) == {"payment.readable": 1788, "payment.type": 4}


@pytest.mark.slow
@pytest.mark.parametrize("world", ["harrogate"], indirect=True)
def test_all_of_harrogate(world: World) -> None:
    files = _published("harrogate")
    assert (len(files), sum(len(_records(content)) - 1 for content in files.values())) == (111, 164_933)
    rules = _check(world, files)
    assert (rules["payment.readable"], rules["payment.amount.minimum"]) == (167, 8)
    assert len(world.landed) == 99, "twelve months were published twice with one content"


def _republished(content: bytes) -> bytes:
    """A month as a council corrects it: one line less, one other amount, one line twice."""
    header, _, second, third, *others = content.split(b"\r\n") if b"\r\n" in content else content.split(b"\n")
    changed = third.replace(third.split(b",")[3], b"100.00", 1)
    return b"\n".join([header, second, second, changed, *others])


@pytest.mark.parametrize("world", ["salford"], indirect=True)
def test_a_month_that_is_published_again_replaces_it_and_says_how(world: World) -> None:
    files = _published("salford")
    before, other = files["2013-07.csv"], files["2013-08.csv"]
    after = _republished(before)
    world.drop({"2013-07.csv": before, "2013-08.csv": other})
    world.collect()
    world.judge()
    world.drop({"2013-07 corrected.csv": after})
    (manifest,) = world.collect()
    note: dict[str, Any] = manifest.notes["replaces"]
    old, new = _amounts(before), _amounts(after)
    assert (note["period"], note["file"], note["batches"]) == ("2013-07", "2013-07.csv", [1])
    assert (note["rows"], note["removed"], note["added"]) == ([len(old), len(new)], 2, 2)
    assert note["totals"] == {"Gross": [str(sum(old)), str(sum(new))]} | {
        name: note["totals"][name] for name in note["totals"] if name != "Gross"
    }
    file, said = findings_of(world.settings, "salford")[-1]
    assert file.startswith("2013-07 corrected.csv") and f"Gross {sum(old)} → {sum(new)}" in said
    world.judge()
    live = _live(world)
    assert live == {"2013-07 corrected.csv": sum(new), "2013-08.csv": sum(_amounts(other))}

    # and back to what was published first: the same content, which is no duplicate now
    world.drop({"2013-07 again.csv": before})
    (back,) = world.collect()
    assert back.notes["replaces"]["file"] == "2013-07 corrected.csv"
    world.judge()
    assert _live(world) == {"2013-07 again.csv": sum(old), "2013-08.csv": sum(_amounts(other))}
    world.drop({"2013-07 once more.csv": before})
    assert world.collect() == []


def _set_aside(world: World) -> list[str]:
    found = findings_of(world.settings, world.config.source)
    return [file for file, said in found if said.startswith("set aside: the header is not the declared columns")]


def _live(world: World) -> dict[str, Decimal]:
    """File → what its rows that are there now were paid."""
    rows = world.connection.execute(
        """SELECT _source_file, sum(cast(Gross AS DECIMAL(14,2))) FROM (
            SELECT * FROM raw.salford__payments
            QUALIFY row_number() OVER (PARTITION BY _event_id ORDER BY _batch_seq DESC, _row_no DESC) = 1
        ) WHERE _op <> 'd' GROUP BY 1"""
    ).fetchall()
    return dict(rows)


@pytest.mark.parametrize("world", ["salford"], indirect=True)
def test_a_file_whose_month_cannot_be_told_is_set_aside(world: World) -> None:
    files = _published("salford")
    world.drop({"July.csv": files["2013-07.csv"]})
    assert world.collect() == []
    ((file, said),) = findings_of(world.settings, "salford")
    assert (file, said) == ("July.csv", "set aside: the name does not say which period the file is of")
