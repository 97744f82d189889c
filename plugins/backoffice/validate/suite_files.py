"""Suites as files: ``expectations/<contract>/<table>.json`` is generated, ``<table>.custom.json`` is written by hand.

Hand-written expectations have the same format, are never touched by generation, and join the generated ones when rows
are judged.
"""

from __future__ import annotations

import json
from pathlib import Path

from backoffice import generated
from backoffice.contracts import Contracts, Table
from backoffice.errors import ValidationError
from backoffice.validate.suites import (
    CAST_ERROR,
    DEFECT,
    ROW_QUERY,
    Expectation,
    Suite,
    columns_of,
    contract_suite,
)

_CUSTOM = ".custom.json"


def load_suite(table: Table, folder: Path) -> Suite:
    """The table's written suite, with its hand-written expectations.

    Raises:
        ValidationError: there is no suite, a file is not a suite, or a hand-written expectation cannot be used.
    """
    path = _path(folder, table)
    expectations = [*_read(path), *_custom(_custom_path(path), table)]
    rules = [item["meta"]["rule"] for item in expectations]
    if twice := sorted({rule for rule in rules if rules.count(rule) > 1}):
        raise _unusable(path, f"{', '.join(twice)}: two expectations with one rule name")
    return Suite(table.key, table.version, tuple(expectations))


def write_suites(contracts: Contracts, folder: Path) -> list[Path]:
    """Write what is stale, remove generated suites of tables that are gone; returns the files changed."""
    return generated.write(_wanted(contracts, folder), _generated(folder))


def stale_suites(contracts: Contracts, folder: Path) -> list[Path]:
    """Files that ``write_suites`` would change, and hand-written ones beside no table."""
    wanted = _wanted(contracts, folder)
    known = {_custom_path(path) for path in wanted}
    orphans = [path for path in folder.glob(f"*/*{_CUSTOM}") if path not in known]
    return sorted({*generated.stale(wanted, _generated(folder)), *orphans})


def _wanted(contracts: Contracts, folder: Path) -> dict[Path, str]:
    return {_path(folder, table): contract_suite(table).to_json() for table in contracts}


def _path(folder: Path, table: Table) -> Path:
    return folder / table.contract / f"{table.name}.json"


def _custom_path(path: Path) -> Path:
    return path.with_name(path.stem + _CUSTOM)


def _generated(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*/*.json") if not path.name.endswith(_CUSTOM)]


def _read(path: Path) -> list[Expectation]:
    try:
        expectations: list[Expectation] = json.loads(path.read_text(encoding="utf-8"))["expectations"]
    except FileNotFoundError as error:
        raise ValidationError(
            "the suite is not written", where=str(path), next_step="run `backoffice contracts build`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(path, f"not a suite in GX's JSON format: {error}") from error
    return expectations


def _custom(path: Path, table: Table) -> list[Expectation]:
    if not path.exists():
        return []
    expectations = _read(path)
    for item in expectations:
        if problem := _problem(item, table):
            raise _unusable(path, problem)
    return [_with_severity(item) for item in expectations]


def _problem(item: Expectation, table: Table) -> str:
    rule = item.get("meta", {}).get("rule", "")
    if not rule or "kwargs" not in item:
        return "an expectation needs type, kwargs and meta.rule, the name its verdicts carry"
    known = {column.name for column in table.columns} | {DEFECT, CAST_ERROR}
    if unknown := sorted(columns_of(item) - known):
        return f"{rule}: {', '.join(unknown)} is not a column of {table.key}"
    if item["type"] == ROW_QUERY and "{batch}" not in item["kwargs"].get("unexpected_rows_query", ""):
        return f"{rule}: the query must read from {{batch}}, else it judges rows of other tables"
    return ""


def _with_severity(item: Expectation) -> Expectation:
    """``meta.severity`` decides; it is an error when not given."""
    return {**item, "meta": {"severity": "error", "column": item["kwargs"].get("column"), **item["meta"]}}


def _unusable(path: Path, what: str) -> ValidationError:
    return ValidationError(
        what,
        where=str(path),
        rule="a suite file is GX's own JSON, and every expectation carries its rule's name under meta.rule",
        next_step="mend the file and run `backoffice contracts check`",
    )
