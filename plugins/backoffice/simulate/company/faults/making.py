"""Faults are put into changes: which rows have one is drawn by seed, day and kind, and everything is told in a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from backoffice.durable import write_text
from backoffice.simulate.company.book import Change, Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.faults.kind import Edit, Fault, Kind, Place, Told, place_of

_TEN_THOUSAND = 10_000


def make(
    changes: Sequence[Change], kinds: Iterable[Kind], seed: int, day: date, rate: float, *, least: int = 0
) -> tuple[list[Change], list[Fault]]:
    """Put faults into changes.

    Args:
        changes: those of a day, or the rows of a history; they stay as they are.
        kinds: which; a row gets one fault at most.
        seed: of the company.
        day: of the changes.
        rate: times each kind's own.
        least: of each kind at least so many, as far as there are rows that can have it.

    Returns:
        the changes with faults, and what was done.
    """
    making = _Making(Told(changes))
    for kind in kinds if rate else ():
        making.put(kind, Chance(seed, f"fault {kind.fault} {kind.table}", day), rate, least)
    return making.changes(), making.faults()


class _Making:
    """The changes with what was done to them so far."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._instead: dict[int, Row | None] = {}
        self._besides: dict[int, list[tuple[str, Row]]] = {}
        self._made: dict[int, Fault] = {}

    def put(self, kind: Kind, chance: Chance, rate: float, least: int) -> None:
        """Faults of a kind, in rows that have none."""
        share = kind.rate * (1 if kind.steady else rate) / _TEN_THOUSAND
        places = self._told.of(kind.table)
        hit = [place for place in places if chance.happens(share)]
        made = sum(self._put(kind, place, chance) for place in hit)
        for position in chance.generator.permutation(len(places)):
            if made >= least:
                break
            made += self._put(kind, places[position], chance)

    def _put(self, kind: Kind, place: int, chance: Chance) -> bool:
        edit = None if place in self._instead else kind.do(self._told, place, chance)
        if edit is None or not self._instead.keys().isdisjoint(edit.instead):
            return False
        self._instead[place] = self._told.row(place)  # a row that others are told beside has its fault, too
        self._instead.update(edit.instead)
        self._besides[place] = edit.besides
        self._made[place] = self._tell(kind, place, edit)
        return True

    def _tell(self, kind: Kind, place: int, edit: Edit) -> Fault:
        change = self._told.changes[place]
        table, key = place_of(change.table, change.row)
        along = [place_of(other.table, other.row) for other in map(self._change, edit.instead) if other is not change]
        added = [place_of(*besides) for besides in edit.besides]
        return Fault(kind.fault, kind.says, table, key, change.at.isoformat(), (*along, *added), tuple(edit.seen_at))

    def _change(self, place: int) -> Change:
        return self._told.changes[place]

    def changes(self) -> list[Change]:
        """All of them, in their order."""
        told: list[Change] = []
        for place, change in enumerate(self._told.changes):
            row = self._instead.get(place, change.row)
            if row is not None:
                told.append(change if row is change.row else Change(change.table, change.at, row))
            told.extend(Change(table, change.at, extra) for table, extra in self._besides.get(place, ()))
        return told

    def faults(self) -> list[Fault]:
        """What was done, in the order of the changes."""
        return [self._made[place] for place in sorted(self._made)]


def keep(folder: Path, name: str, faults: Iterable[Fault]) -> None:
    """Write the truth of a day, or of the history, as JSON lines; a file of that name is replaced."""
    lines = [
        json.dumps({"fault": f.fault, "system": f.table.partition(".")[0], "table": f.table, "key": f.key, "at": f.at,
                    "says": f.says, "along": _places(f.along), "seen_at": _places(f.seen_at)}, ensure_ascii=False)
        for f in faults
    ]  # fmt: skip
    if lines:
        write_text(folder / f"{name}.jsonl", "\n".join(lines) + "\n")


def _places(places: Iterable[Place]) -> list[dict[str, object]]:
    return [{"table": table, "key": key} for table, key in places]
