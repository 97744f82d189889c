"""Running dbt inside this process, with a manifest parsed once and inherited by forked tasks."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from backoffice.errors import WarehouseError
from backoffice.settings import Settings
from backoffice.warehouse.connection import WAREHOUSE_SETTINGS, warehouse_config

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

logger = logging.getLogger(__name__)

Listener: TypeAlias = "Callable[[EventMsg], None]"

_parsed: dict[str, Manifest] = {}


def fingerprint(settings: Settings) -> str:
    """Hash of the project's files: another one needs another manifest and a full build."""
    digest = hashlib.sha256()
    for path in _project_files(settings.dbt_dir):
        digest.update(str(path.relative_to(settings.dbt_dir)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def manifest(settings: Settings) -> Manifest:
    """The parsed project; parsed again when its files changed.

    Raises:
        WarehouseError: the project does not parse.
    """
    key = f"{settings.dbt_dir}:{fingerprint(settings)}"
    if key not in _parsed:
        result = _invoke(settings, ["parse"], None)
        if not result.success:
            raise WarehouseError(
                f"the dbt project cannot be parsed: {result.exception}",
                where=str(settings.dbt_dir),
                next_step="mend the model, or run `backoffice contracts build` if generated files are stale",
            )
        _parsed.clear()
        _parsed[key] = result.result
    return _parsed[key]


def run_dbt(
    settings: Settings, command: Sequence[str], variables: dict[str, Any], listener: Listener | None = None
) -> list[Any]:
    """Run a dbt command over the warehouse and return its node results, failed ones included.

    The warehouse must not be open in this process: dbt opens it with options of its own and lets it go again.

    Args:
        settings: the platform's.
        command: what ``dbt`` is told, without flags that hold for every command.
        variables: of the project.
        listener: is given every event of the run.

    Raises:
        WarehouseError: dbt could not run at all.
    """
    arguments = [*command, "--vars", json.dumps(variables)]
    result = _invoke(settings, arguments, manifest(settings), listener)
    if result.exception is not None and result.result is None:
        raise WarehouseError(f"dbt {command[0]} could not run: {result.exception}", where=str(settings.dbt_dir))
    return list(result.result.results) if result.result is not None else []


def _invoke(settings: Settings, arguments: list[str], parsed: Manifest | None, listener: Listener | None = None) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folder = settings.home / "dbt"
    folder.mkdir(parents=True, exist_ok=True)
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    _write_profile(settings, folder)
    common = [
        *("--project-dir", str(settings.dbt_dir), "--profiles-dir", str(folder)),
        *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        *("--quiet", "--no-use-colors", "--no-send-anonymous-usage-stats", "--no-version-check"),
        # the static parser is a native library that hangs in a process forked after it was used
        "--no-static-parser",
        # each run touches a few schemas: listing all of them first costs a tenth of a second
        *("--no-write-json", "--no-populate-cache"),
        # what failed is in the results; writing every event for nobody costs a twentieth of a run
        *("--log-level", "none", "--log-level-file", "none"),
    ]
    try:
        # In a thread of its own for its short stack: dbt inspects the whole stack for every flag of the adapter, which
        # from inside an Airflow task is a tenth of a cycle.
        runner = dbtRunner(manifest=parsed, callbacks=[listener] if listener else None)
        return _in_thread(lambda: runner.invoke([*arguments, *common]))
    finally:
        # dbt-duckdb keeps its connection, and with it the file's lock, until told otherwise
        DuckDBConnectionManager.close_all_connections()


def _in_thread(call: Callable[[], Any]) -> Any:
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="dbt", daemon=True).start()
    return future.result()


def _write_profile(settings: Settings, folder: Path) -> None:
    output = {
        "type": "duckdb",
        "path": str(settings.warehouse_path),
        "schema": "main",
        "threads": 1,
        "config_options": warehouse_config(settings),
        "settings": WAREHOUSE_SETTINGS,
    }
    text = yaml.safe_dump({"backoffice": {"target": "warehouse", "outputs": {"warehouse": output}}})
    path = folder / "profiles.yml"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _project_files(folder: Path) -> list[Path]:
    kept = [folder / "dbt_project.yml"]
    for name in ("models", "macros", "tests", "seeds"):
        kept += [path for path in (folder / name).rglob("*") if path.suffix in (".sql", ".yml", ".csv")]
    return sorted(kept)
