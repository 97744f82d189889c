"""Where measured figures are kept: ``results.json`` for programs, ``RESULTS.md`` for people."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
_TITLE = """# Results

Measured by the programs of this folder; each section is the newest run of one of them.
"""
_SHARES = (0.5, 0.95, 0.99)
_GOAL = re.compile(r"(<=|>=|=) (\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Result:
    """A measured figure.

    Args:
        name: dotted, the benchmark first: ``freshness.commit_to_mart.p95``.
        value: the figure, in ``unit``; infinite when what was waited for never came.
        goal: ``<= 5``, ``>= 200`` or ``= 0``; empty when there is none.
        baseline: what it is compared with, in the same unit.
    """

    name: str
    value: float
    unit: str
    goal: str = ""
    baseline: float | None = None
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def ratio(self) -> float | None:
        """Value over baseline."""
        return round(self.value / self.baseline, 4) if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None when there is none.

        Raises:
            ValueError: the goal is not written as it should be.
        """
        if not self.goal:
            return None
        found = _GOAL.fullmatch(self.goal)
        if found is None:
            raise ValueError(f"{self.name}: a goal is written '<= 5', '>= 200' or '= 0', not {self.goal!r}")
        limit = float(found[2])
        return {"<=": self.value <= limit, ">=": self.value >= limit, "=": self.value == limit}[found[1]]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed (nearest rank); not a number when empty."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def percentiles(name: str, seconds: Sequence[float], goals: Mapping[float, str] | None = None) -> list[Result]:
    """The median, the 95th and the 99th percentile as ``name.p50`` and so on; none of no values.

    Args:
        name: of the measure, the benchmark first.
        seconds: the values.
        goals: share → goal.
    """
    return [
        Result(f"{name}.p{share * 100:.0f}", round(percentile(seconds, share), 3), "s", (goals or {}).get(share, ""))
        for share in _SHARES
        if seconds
    ]


def record(section: str, results: Sequence[Result], notes: Iterable[str] = (), *, folder: Path = FOLDER) -> None:
    """Keep the results of a run in both files, in place of those of the run before.

    Args:
        section: heading of the benchmark in ``RESULTS.md``.
        results: its figures.
        notes: what a reader must know about the run, a line each.
        folder: where the files are.
    """
    _write_json(folder / "results.json", results)
    _write_markdown(folder / "RESULTS.md", section, results, list(notes))


def show(results: Iterable[Result], notes: Iterable[str] = ()) -> None:
    """Print the figures, each with its goal and whether it is met, then the notes."""
    for result in results:
        verdict = {True: "met", False: "NOT MET", None: ""}[result.met]
        print(f"{result.name:46} {result.value:>14,.3f} {result.unit:12} {result.goal:8} {verdict}".rstrip())
    for note in notes:
        print(note)


def _write_json(path: Path, results: Sequence[Result]) -> None:
    stored: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    newest = {entry["name"]: entry for entry in stored}
    newest |= {result.name: _entry(result) for result in results}
    entries = [newest[name] for name in sorted(newest)]
    path.write_text(json.dumps(entries, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _entry(result: Result) -> dict[str, Any]:
    value = result.value if math.isfinite(result.value) else None  # JSON has no infinity
    return asdict(result) | {"value": value, "ratio": result.ratio}


def _write_markdown(path: Path, section: str, results: Sequence[Result], notes: list[str]) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else _TITLE
    head, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = {part.partition("\n")[0]: part for part in parts}
    sections[section] = f"{section}\n\n{_table(results)}\n" + "".join(f"\n- {note}" for note in notes) + "\n"
    body = "\n".join(f"## {part.rstrip()}\n" for part in sections.values())
    path.write_text(f"{head.rstrip()}\n\n{body}", encoding="utf-8")


def _table(results: Sequence[Result]) -> str:
    rows = ["| measure | value | unit | goal | met | baseline | ratio |", "|---|---:|---|---|---|---:|---:|"]
    for result in results:
        met = {True: "yes", False: "**no**", None: ""}[result.met]
        cells = (result.name, _number(result.value), result.unit, result.goal, met)
        rows.append(f"| {' | '.join((*cells, _number(result.baseline), _number(result.ratio)))} |")
    first = results[0]
    return "\n".join(rows) + f"\n\n{first.date}, {first.cores} cores"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if not math.isfinite(value):
        return "never"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:,.3g}"
