"""The last release of the contracts: what readers and senders were promised, kept beside the contracts themselves.

In: ``contracts/`` and ``contracts/released/``. Out: :class:`Comparison` of each contract that changed. A release copies
the contracts; it is refused while a version does not say what changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from backoffice import generated
from backoffice.contracts.changes import Change, Level, changes
from backoffice.contracts.load import load_contracts
from backoffice.contracts.model import Contracts
from backoffice.errors import ContractError

FOLDER = "released"

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A contract that is not as it was released. ``released`` is None when it is new, ``version`` when it is gone."""

    contract: str
    released: str | None
    version: str | None
    changes: tuple[Change, ...]

    @property
    def level(self) -> Level:
        """The gravest change."""
        return "breaking" if any(change.level == "breaking" for change in self.changes) else "addition"

    @property
    def needed(self) -> str:
        """The smallest version that says what changed."""
        if self.released is None:
            return "1.0.0"
        major, minor, _ = parse(self.released)
        return f"{major + 1}.0.0" if self.level == "breaking" else f"{major}.{minor + 1}.0"

    @property
    def is_said(self) -> bool:
        """Whether the version was raised as far as the changes ask; of a contract that is gone none can be."""
        return self.version is not None and parse(self.version) >= parse(self.needed)


def parse(version: str) -> Version:
    """A version's three numbers.

    Raises:
        ContractError: it is not MAJOR.MINOR.PATCH.
    """
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise ContractError(f"version {version!r} is not MAJOR.MINOR.PATCH", where="contracts", rule="semver.org")
    major, minor, patch = map(int, parts)
    return major, minor, patch


def compared(folder: Path) -> list[Comparison]:
    """The contracts that differ from the last release; none while nothing was released."""
    if not any((folder / FOLDER).glob("*.odcs.yaml")):
        return []
    before, after = load_contracts(folder / FOLDER), load_contracts(folder)
    by_contract: dict[str, list[Change]] = {}
    for change in changes(before, after):
        by_contract.setdefault(change.contract, []).append(change)
    old, new = versions(before), versions(after)
    return [Comparison(name, old.get(name), new.get(name), tuple(found)) for name, found in sorted(by_contract.items())]


def versions(contracts: Contracts) -> dict[str, str]:
    """Version of each contract."""
    return {table.contract: table.version for table in contracts}


def refuse_unsaid(found: list[Comparison]) -> None:
    """Stop while a version hides a change.

    Raises:
        ContractError: names each change and the version it asks for.
    """
    unsaid = [item for item in found if not item.is_said]
    if not unsaid:
        return
    told = "\n".join(f"  {change.level}  {change}" for item in unsaid for change in item.changes)
    raise ContractError(
        f"contracts changed since the last release and their versions do not say so:\n{told}",
        where=", ".join(f"{item.contract}.odcs.yaml ({item.version or 'gone'})" for item in unsaid),
        rule="a breaking change raises the major version, an addition the minor",
        next_step="; ".join(map(_mend, unsaid)) + "; or take the change back",
    )


def _mend(item: Comparison) -> str:
    if item.version is None:
        return f"`backoffice contracts release --remove {item.contract}`"
    return f"set the version of {item.contract} to {item.needed}"


def release(folder: Path, remove: Collection[str] = ()) -> list[str]:
    """Make the contracts as they are the last release; returns the names that changed.

    Args:
        folder: the contracts.
        remove: contracts that are gone for good.

    Raises:
        ContractError: a version does not say what changed, or a contract is gone that is not named.
    """
    load_contracts(folder)
    refuse_unsaid([item for item in compared(folder) if item.version or item.contract not in remove])
    kept = folder / FOLDER
    wanted = {kept / path.name: path.read_text("utf-8") for path in folder.glob("*.odcs.yaml")}
    changed = generated.write(wanted, kept.glob("*.odcs.yaml"))
    return [path.name.removesuffix(".odcs.yaml") for path in changed]
