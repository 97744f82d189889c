"""What people decide about quarantined rows and documents, landed beside the verdicts.

In: a :class:`Decision`. Out: a batch of ``_verdicts`` with the table ``decision``, which the next cycle applies. The
offset says how far sources were judged and is carried on unchanged: a decision judges nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from backoffice.landing import BatchStore, Manifest
from backoffice.validate.verdicts import DECISION, DECISIONS, land_tables

Kind = Literal["release", "hold", "unhold"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: about a row (``batch_id``, ``row_no``), a document (``document``, ``document_key``) or a rule.

    ``rule`` None means every rule. ``source`` None means every source of the document.
    """

    decision: Kind
    actor: str
    reason: str
    decided_at: datetime
    source: str | None = None
    source_relation: str | None = None
    document: str | None = None
    document_key: str | None = None
    batch_id: str | None = None
    row_no: int | None = None
    rule: str | None = None

    @property
    def subject(self) -> str:
        """What it is about, as a person reads it."""
        if self.batch_id:
            return f"row {self.row_no} of {self.batch_id}"
        if self.document:
            return f"{self.document} {self.document_key}"
        return f"rule {self.rule}" + (f" of source {self.source}" if self.source else "")


def land_decisions(store: BatchStore, decisions: list[Decision]) -> Manifest:
    """Make decisions durable; the next cycle applies them.

    Raises:
        LandingError: another process keeps writing verdicts.
    """
    table = pa.Table.from_pylist([asdict(item) for item in decisions], DECISIONS)
    return land_tables(store, {DECISION: table}, notes={"actor": decisions[0].actor})


def now() -> datetime:
    """The instant a decision is taken."""
    return datetime.now(UTC)
