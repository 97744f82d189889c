"""What a check of a mapping found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["error", "warning", "accepted"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that does not hold.

    Attributes:
        table: ``<contract>/<table>``, or ``reads.<name>`` of a rule about source rows.
        rule: its short name, such as ``enum``.
        column: canonical column.
        level: an accepted break has its reason in ``reason``; neither it nor a warning fails the check.
        rows: how many rows break it; 0 when it is about the mapping itself.
        message: what is wrong.
        where: file and line of the mapping.
        expression: of the column.
        samples: up to three of the rows.
        reason: why it is accepted.
    """

    table: str
    rule: str
    column: str
    level: Level
    rows: int
    message: str
    where: str
    expression: str = ""
    samples: tuple[dict[str, Any], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a contract's table the source gives."""

    table: str
    rows: int
    mapped: int
    columns: int
    missing: tuple[str, ...]
    accepted: dict[str, str]


@dataclass(frozen=True, slots=True)
class UnmappedCode:
    """A code of the source that the mapping does not know."""

    table: str
    column: str
    code: str
    rows: int
    where: str


@dataclass(frozen=True, slots=True)
class Total:
    """A total on both sides; ``error`` says why one could not be computed, ``accepted`` why they may differ."""

    name: str
    canonical: str
    source: str
    is_equal: bool
    where: str
    error: str = ""
    accepted: str = ""

    @property
    def holds(self) -> bool:
        """Equal, or the difference is known."""
        return self.is_equal or bool(self.accepted and not self.error)


@dataclass(slots=True)
class Report:
    """The whole check.

    ``checks`` is how many rules were judged; ``not_judged`` says which were not, and why.
    """

    source: str
    path: str
    is_full: bool
    reads: dict[str, int] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    set_aside: dict[str, str] = field(default_factory=dict)
    coverage: list[Coverage] = field(default_factory=list)
    unmapped: list[UnmappedCode] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    checks: int = 0
    not_judged: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Nothing failed."""
        failing = any(finding.level == "error" for finding in self.findings)
        return not (failing or any(not total.holds for total in self.totals))

    def to_json(self) -> str:
        """Everything, for other programs."""
        return json.dumps({"holds": self.holds, **asdict(self)}, default=str, ensure_ascii=False, indent=1)
