"""The push sources as the endpoint serves them: their files, keys and inboxes, looked at again while it runs.

A source whose file appears is served within a second, and so is a key that was made or retired; nothing is restarted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, validators

from backoffice.errors import BackofficeError, PushError
from backoffice.landing import BatchStore
from backoffice.push.events import EventReader
from backoffice.push.inbox import Inbox
from backoffice.push.keys import push_keys
from backoffice.settings import Settings
from backoffice.sources import ReadTable, SourceConfig, read_sources
from backoffice.sources.records import converter

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
# 7.0 is a whole number, also while it is a decimal
_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: is_whole(value)),
)
_MOST_PROBLEMS = 10
_FORMATS = FormatChecker(formats=())
_FORMATS.checks("date", raises=ValueError)(lambda value: _fits("DATE", value))
_FORMATS.checks("date-time", raises=ValueError)(lambda value: _fits("TIMESTAMPTZ", value))


@dataclass(frozen=True)
class Pushed:
    """A source that is served."""

    config: SourceConfig
    reader: EventReader
    inbox: Inbox
    keys: tuple[str, ...]


class Served:
    """All of them, by name.

    Args:
        settings: folders.
        store: where events land.
    """

    def __init__(self, settings: Settings, store: BatchStore) -> None:
        self._settings = settings
        self._store = store
        self._inboxes: dict[str, Inbox] = {}
        self._found: dict[str, Pushed] = {}
        self._looked = float("-inf")
        self._broken: dict[str, str] = {}

    def find(self, name: str) -> Pushed | None:
        """The source of this name, if it is pushed."""
        return self.all().get(name)

    def all(self) -> dict[str, Pushed]:
        """Every source that is served; a file that is broken at the moment is served as it was."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._found

    def problem(self, name: str) -> str:
        """Why a source that has a file is not served; empty when it has none, or is no pushed one."""
        return self._broken.get(name, "")

    def close(self) -> None:
        """Answer what waits, and accept no more."""
        for inbox in self._inboxes.values():
            inbox.close()

    def _look(self) -> None:
        sources, errors = read_sources(self._settings.sources_dir)
        pushed = {name: config for name, config in sources.items() if config.connection.kind == "push"}
        broken = {Path(error.where.rpartition(":")[0] or error.where).stem: str(error) for error in errors}
        served = {name: one for name, one in self._found.items() if name in broken}
        for name, config in pushed.items():
            try:
                served[name] = self._serve(config)
            except BackofficeError as error:
                broken[name] = str(error)
                if name in self._found:
                    served[name] = self._found[name]
        for name in [name for name, said in broken.items() if self._broken.get(name) != said]:  # once, not each second
            _log.error("%s cannot be served as it is declared: %s", name, broken[name])
        self._found, self._broken = served, broken

    def _serve(self, config: SourceConfig) -> Pushed:
        name = config.source
        known = self._found.get(name)
        keys = push_keys(self._settings, name)
        if known and known.config == config and known.keys == keys:
            return known
        schemas = {
            read: schema_check(self._settings.contracts_dir, table)
            for read, table in config.reads.items()
            if table.contract
        }
        if name not in self._inboxes:
            self._inboxes[name] = Inbox(self._settings, name, self._store)
        return Pushed(config, EventReader(config.reads, schemas), self._inboxes[name], keys)


def _fits(kind: str, value: object) -> bool:
    """Whether a text is one of the type; what is no text is for another rule to refuse."""
    return not isinstance(value, str) or converter(kind)(value) is not None


def is_whole(value: Any) -> bool:
    """Whether a decoded JSON number has no fraction."""
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def contract_schema(contracts: Path, read: ReadTable) -> dict[str, Any]:
    """The push JSON Schema of a read's contract.

    Raises:
        PushError: there is none.
    """
    path = contracts / "push" / f"{read.contract.rpartition('/')[2]}.schema.json"
    try:
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PushError(
            f"there is no push schema of {read.contract}",
            where=str(path),
            rule="contract: names a table as <contract>/<table>",
            next_step="mend the name, or run `backoffice contracts build`",
        ) from error
    return schema


def schema_check(contracts: Path, read: ReadTable) -> Callable[[Any], Iterator[str]]:
    """Function that gives what is wrong with data by the push JSON Schema of a read's contract.

    Raises:
        PushError: there is none.
    """
    validator = _Validator(contract_schema(contracts, read), format_checker=_FORMATS)

    def check(data: Any) -> Iterator[str]:
        for number, error in enumerate(validator.iter_errors(data)):
            if number == _MOST_PROBLEMS:
                return
            yield f"{'.'.join(['data', *map(str, error.absolute_path)])}: {error.message[:200]}"

    return check
