"""The nightly proof that building what changed gives what building everything gives, and that every rule holds of it.

In: a copy of the warehouse, taken under the lease; the rest happens beside it, so a refresh is held up by the copy
alone. Out: ``status/full_build.json``, which monitoring reads, and an error that names the marts and keys that differ.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

from backoffice.durable import write_text
from backoffice.errors import WarehouseError
from backoffice.ops import beside
from backoffice.publish.compare import comparable, different_keys, mart_hashes
from backoffice.publish.from_dbt import published_models
from backoffice.publish.model import PublishedModel
from backoffice.settings import Settings
from backoffice.warehouse import audit, build, meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease

FOLDER = "full_build"
RESULT = "full_build.json"
_KEYS = 20


class ModelComparison(BaseModel):
    """A mart in both builds; ``keys`` are the first row keys that differ."""

    model_config = ConfigDict(frozen=True)

    model: str
    incremental: str
    full: str
    keys: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both have the same rows."""
        return self.incremental == self.full


class BrokenTest(BaseModel):
    """A test that failed over everything, or could not run because one before it failed; ``detail`` shows some rows."""

    model_config = ConfigDict(frozen=True)

    test: str
    detail: str


class FullBuild(BaseModel):
    """What one comparison found; ``locked_seconds`` is how long the warehouse was held for it."""

    model_config = ConfigDict(frozen=True)

    checked_at: datetime
    generation: int
    as_of: datetime
    equal: bool
    locked_seconds: float
    seconds: float
    models: tuple[ModelComparison, ...]
    tests: int = 0
    broken: tuple[BrokenTest, ...] = ()


def compare_full_build(settings: Settings, holder: str, *, wait: float = 0.0) -> FullBuild | None:
    """Build everything anew from the raw rows of the newest generation, run every test, and compare every mart's hash.

    A cycle runs the tests of what it touched; here each looks at everything.

    Returns:
        The comparison, in which every mart is equal and every test passed; None when nothing was ever loaded.

    Raises:
        LeaseHeldError: another build holds the warehouse after ``wait`` seconds.
        WarehouseError: the newest generation is not built and audited, or a model failed; or a test failed or a mart
            differs, which the result, written before, tells in full.
    """
    started = time.monotonic()
    second = beside.second_home(settings, FOLDER)
    incremental = second.home / "incremental.duckdb"
    copied = _copy(settings, incremental, holder, wait)
    if copied is None:
        return None
    generation, as_of, locked = copied
    beside.copy_warehouse(incremental, second.warehouse_path)
    checks = _build_in_full(second)
    failed = [check for check in checks if check.blocking and not check.passed]
    models = _compare(comparable(published_models(settings)), incremental, second.warehouse_path)
    result = FullBuild(
        checked_at=datetime.now(UTC),
        generation=generation,
        as_of=as_of,
        equal=all(model.equal for model in models) and not failed,
        locked_seconds=round(locked, 3),
        seconds=round(time.monotonic() - started, 3),
        models=tuple(models),
        tests=len(checks),
        broken=tuple(BrokenTest(test=check.name, detail=check.detail) for check in failed),
    )
    write_text(settings.status_dir / RESULT, result.model_dump_json(indent=2))
    if failed:
        raise _broken(result, second.home)
    if not result.equal:
        raise _different(result, second.home)
    shutil.rmtree(second.home)
    return result


def last_full_build(settings: Settings) -> FullBuild | None:
    """The newest result; None before the first."""
    path = settings.status_dir / RESULT
    return FullBuild.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None


def _copy(settings: Settings, target: Path, holder: str, wait: float) -> tuple[int, datetime, float] | None:
    with Lease(settings).held(holder, wait=wait):
        started = time.monotonic()
        with open_warehouse(settings) as connection:
            meta.create(connection)
            row = connection.execute(
                "SELECT generation, as_of, audit_passed FROM meta.generation ORDER BY generation DESC LIMIT 1"
            ).fetchone()
        if row is None:
            return None
        if not row[2]:
            raise WarehouseError(
                "the newest generation is not built, or did not pass its audit: there is nothing to compare",
                where=str(settings.warehouse_path),
                next_step="`backoffice refresh` builds it, or says why it cannot",
            )
        beside.copy_warehouse(settings.warehouse_path, target)
        return int(row[0]), row[1].astimezone(UTC), time.monotonic() - started


def _build_in_full(second: Settings) -> list[audit.Check]:
    with open_warehouse(second) as connection:
        connection.execute("UPDATE meta.generation SET published_at = NULL, is_full = true")
        planned = build.plan(connection)
    built = build.build(second, planned)
    with open_warehouse(second) as connection:
        return audit.test_checks(connection, built.tests)


def _compare(models: Sequence[PublishedModel], incremental: Path, full: Path) -> list[ModelComparison]:
    with duckdb.connect() as connection:
        for name, path in (("incremental", incremental), ("everything", full)):
            connection.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {name} (READ_ONLY)")
        one = mart_hashes(connection, models, database="incremental")
        other = mart_hashes(connection, models, database="everything")
        return [
            ModelComparison(
                model=model.name,
                incremental=one[model.name],
                full=other[model.name],
                keys=()
                if one[model.name] == other[model.name]
                else tuple(different_keys(connection, model, "incremental", "everything", limit=_KEYS)),
            )
            for model in models
        ]


def _broken(result: FullBuild, folder: Path) -> WarehouseError:
    first = result.broken[0]
    more = f", and {', '.join(test.test for test in result.broken[1:])} too" if len(result.broken) > 1 else ""
    return WarehouseError(
        f"{first.test} does not hold over everything: {first.detail}{more}",
        where=str(folder),
        rule="what holds of what a cycle touched holds of everything",
        next_step=f"`backoffice rebuild` judges everything again, names rows or withholds ({RESULT} lists the tests)",
    )


def _different(result: FullBuild, folder: Path) -> WarehouseError:
    wrong = [model for model in result.models if not model.equal]
    first = wrong[0]
    more = f", and {', '.join(model.model for model in wrong[1:])} differ too" if len(wrong) > 1 else ""
    return WarehouseError(
        f"{first.model} built in full has other rows than built by difference, at {', '.join(first.keys[:3])}{more}",
        where=str(folder),
        rule="a build of what changed equals a build of everything",
        next_step=f"compare the two files there; `backoffice rebuild` mends what readers see ({RESULT} lists the keys)",
    )
