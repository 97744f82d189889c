"""How a file's columns differ from the declared ones, and what its read's policy does about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from backoffice.errors import FileSetAsideError
from backoffice.sources import DriftKind, DriftPolicy, ReadTable

_REPAIR = "mend columns, aliases or drift in the source's YAML, or the file; it is looked at again after a restart"
_NAMED = 12


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference.

    Attributes:
        kind: what differs; ``moved`` is another order of the header, which is always followed.
        column: declared column, or the header's name of a new one.
        header: the header's name, where it has one.
        choice: what the policy does about it.
        detail: an example of a retyped value.
    """

    kind: DriftKind | Literal["moved"]
    column: str
    header: str | None
    choice: str
    detail: str = ""

    def text(self) -> str:
        """The difference in words."""
        return {
            "new": f"column {self.column!r} is not declared",
            "missing": f"column {self.column!r} is missing",
            "renamed": f"column {self.column!r} is called {self.header!r}",
            "moved": f"column {self.column!r} stands in another place",
            "retyped": f"column {self.column!r} is written in another way: {self.detail!r}",
        }[self.kind]

    def as_note(self) -> dict[str, Any]:
        """For the manifest."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns stand in a file.

    Attributes:
        fields: number of fields of a record.
        places: declared column → index of its field.
        extra: name of a column that is not declared → index of its field.
        drifts: differences of the header.
    """

    fields: int
    places: dict[str, int]
    extra: dict[str, int]
    drifts: tuple[Drift, ...] = ()


def declared_layout(read: ReadTable) -> Layout:
    """The layout of a file without a header: columns are known by their place only."""
    return Layout(len(read.columns), {name: place for place, name in enumerate(read.columns)}, {})


def header_layout(names: list[str], read: ReadTable, policy: DriftPolicy) -> Layout:
    """Match a header with the declared columns: by name, or by an alias the YAML gives, never by likeness.

    Blanks around a name do not count. A name that stands twice is ``name#1`` and ``name#2``: an alias says which is
    meant.

    Raises:
        FileSetAsideError: the policy freezes a difference, two aliases of a column are there, or the file has so few of
            the columns, or not the key, that it must be another table's.
    """
    fold = _folded if read.dialect.fold_header else str
    own = _own_names(names, fold)
    places, drifts = _matched(names, [fold(name) for name in own], read, policy, fold)
    extra = {name: place for place, name in enumerate(own) if place not in places.values()}
    drifts += [Drift("missing", name, None, policy.choice("missing")) for name in read.columns if name not in places]
    drifts += [Drift("new", name, names[place], policy.choice("new")) for name, place in extra.items()]
    drifts += [Drift("moved", name, names[places[name]], "evolve") for name in _moved(places)]
    _refuse_other_table(read, places, drifts)
    refuse_frozen(drifts)
    return Layout(len(names), places, extra, tuple(drifts))


def refuse_frozen(drifts: Iterable[Drift]) -> None:
    """Stop at differences the policy freezes.

    Raises:
        FileSetAsideError: names them.
    """
    frozen = [drift for drift in drifts if drift.choice == "freeze"]
    if frozen:
        raise FileSetAsideError(
            f"the columns are not the declared ones: {_listed(frozen)}",
            rule=f"drift of the read: {', '.join(sorted({drift.kind for drift in frozen}))} freeze",
            next_step=_REPAIR,
        )


def _matched(
    names: list[str], header: list[str], read: ReadTable, policy: DriftPolicy, fold: Callable[[str], str]
) -> tuple[dict[str, int], list[Drift]]:
    places: dict[str, int] = {}
    drifts: list[Drift] = []
    for column in read.columns:
        if fold(column) in header:
            places[column] = header.index(fold(column))
            continue
        found = [alias for alias in map(fold, read.aliases.get(column, ())) if alias in header]
        if len(found) > 1:
            raise FileSetAsideError(
                f"{', '.join(map(repr, found))} are both aliases of column {column!r}",
                rule="a header names a column once",
                next_step=_REPAIR,
            )
        if found:
            places[column] = header.index(found[0])
            drifts.append(Drift("renamed", column, names[places[column]], policy.choice("renamed")))
    return places, drifts


def _refuse_other_table(read: ReadTable, places: dict[str, int], drifts: list[Drift]) -> None:
    keyless = [name for name in read.file_key if name not in places]
    few = 2 * len(places) < len(read.columns)
    if keyless or few:
        raise FileSetAsideError(
            f"the header is not the declared columns: {_listed(drift for drift in drifts if drift.kind != 'moved')}",
            rule="a file has its key columns and half of the others, or it is another table's, whatever drift says",
            next_step=_REPAIR,
        )


def _moved(places: dict[str, int]) -> list[str]:
    """Columns that stand before one declared earlier."""
    moved, furthest = [], -1
    for name, place in places.items():
        if place < furthest:
            moved.append(name)
        furthest = max(furthest, place)
    return moved


def _own_names(names: list[str], fold: Callable[[str], str]) -> list[str]:
    """The header's names, each once: one without a name is known by its place, a repeated one by its number."""
    trimmed = [name.strip() or f"column_{place + 1}" for place, name in enumerate(names)]
    same = [fold(name) for name in trimmed]
    return [
        f"{name}#{same[: place + 1].count(same[place])}" if same.count(same[place]) > 1 else name
        for place, name in enumerate(trimmed)
    ]


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _listed(drifts: Iterable[Drift]) -> str:
    texts = [drift.text() for drift in drifts]
    more = f"; and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return "; ".join(texts[:_NAMED]) + more
