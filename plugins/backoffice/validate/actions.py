"""What a person can do about quarantine: release, hold, end a hold, correct a row. Nothing here opens the warehouse.

Each function checks against what is out now, lands what was decided, and returns it; the next cycle applies it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from backoffice.contracts import load_contracts
from backoffice.errors import NotQuarantinedError, ValidationError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, read_sources
from backoffice.validate.decisions import Decision, land_decisions, now
from backoffice.validate.fixes import Values, land_fix
from backoffice.validate.landed import find_row
from backoffice.validate.outstanding import HOLD, WITH_DOCUMENT, OutRow, open_outstanding, outstanding

_LIST = "`backoffice quarantine list` shows what is out"


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and why: both are kept for good."""

    actor: str
    reason: str

    def __post_init__(self) -> None:
        if not self.actor.strip() or not self.reason.strip():
            raise ValidationError(
                "a decision needs a name and a reason",
                rule="who and why are kept with every decision",
                next_step="give --reason, and --actor when it is not you",
            )

    def decision(self, kind: Any, **about: Any) -> Decision:
        """A decision of this person, now."""
        return Decision(kind, self.actor, self.reason, now(), **about)


def release_row(settings: Settings, batch_id: str, row_no: int, person: Person, *, rule: str | None = None) -> Decision:
    """Let a row in as it is, whatever rule it breaks, or despite one rule.

    Raises:
        ValidationError: the row is not out, is out for another reason, or was released already.
    """
    found = _out(settings, {"batch_id = ?": batch_id, "row_no = ?": row_no})
    if not found:
        find_row(LocalBatchStore(settings.landing_dir), read_sources(settings.sources_dir)[0], batch_id, row_no)
        raise _not_out(settings, f"row {row_no} of {batch_id}", "batch_id = ? AND row_no = ?", [batch_id, row_no])
    own = [row for row in found if row.rule not in (HOLD, WITH_DOCUMENT)]
    if not own:
        raise ValidationError(
            f"row {row_no} of {batch_id} breaks no rule: it is out with {found[0].document_name}",
            next_step=_document_step(found),
        )
    if rule and rule not in {row.rule for row in own}:
        raise _other_rule(f"row {row_no} of {batch_id}", rule, own)
    _refuse_released(own, f"row {row_no} of {batch_id}")
    decided = person.decision("release", source=own[0].source, batch_id=batch_id, row_no=row_no, rule=rule)
    land_decisions(LocalBatchStore(settings.landing_dir), [decided])
    return decided


def release_document(
    settings: Settings, document: str, key: str, person: Person, *, rule: str | None = None, source: str | None = None
) -> list[Decision]:
    """Let a document in with all its rows, whatever rules it breaks, or despite one rule; one decision a source.

    Raises:
        ValidationError: the document is not out, is held by a person, or was released already.
    """
    name = f"{document} {key}"
    found = _out(settings, {"document = ?": document, "document_key = ?": key, "source = ?": source})
    if not found:
        _check_document(settings, document)
        raise _not_out(settings, name, "document = ? AND document_key = ?", [document, key])
    own = [row for row in found if row.rule not in (HOLD, WITH_DOCUMENT)]
    if not own and any(row.rule == HOLD for row in found):
        raise ValidationError(
            f"{name} is held by a person, no rule keeps it out",
            next_step=f"`backoffice quarantine unhold {name} --reason …`",
        )
    if rule and rule not in {row.rule for row in own}:
        raise _other_rule(name, rule, own)
    _refuse_released(own or found, name)
    places = dict.fromkeys((row.source, row.source_relation) for row in found)
    decided = [
        person.decision(
            "release", source=place, source_relation=relation, document=document, document_key=key, rule=rule
        )
        for place, relation in places
    ]
    land_decisions(LocalBatchStore(settings.landing_dir), decided)
    return decided


def release_rule(settings: Settings, rule: str, person: Person, *, source: str | None = None) -> list[Decision]:
    """Let in every row that is out because of a rule; rows that break it later are quarantined again.

    Raises:
        ValidationError: nothing is out because of the rule.
    """
    found = [row for row in _out(settings, {"rule = ?": rule, "source = ?": source}) if not row.next]
    if not found or rule in (HOLD, WITH_DOCUMENT):
        raise NotQuarantinedError(
            f"nothing is out because of the rule {rule}" + (f" in {source}" if source else ""), next_step=_LIST
        )
    decided = [_release_of(row, person) for row in found]
    land_decisions(LocalBatchStore(settings.landing_dir), list(dict.fromkeys(decided)))
    return decided


def hold(settings: Settings, document: str, key: str, person: Person, *, source: str | None = None) -> Decision:
    """Keep a document out, with every row of it that lands, until the hold is ended.

    Raises:
        ValidationError: there is no such kind of document, its source is not clear, or it is held already.
    """
    config = _source_of(settings, document, source)
    held = _out(settings, {"document = ?": document, "document_key = ?": key, "rule = ?": HOLD})
    if [row for row in held if row.source_relation == config.source_relation and not row.next.startswith("unhold")]:
        raise ValidationError(
            f"{document} {key} is held already", next_step=f"`backoffice quarantine show {document} {key}` says by whom"
        )
    return _decide_on_document(settings, config, person, "hold", document=document, document_key=key)


def unhold(settings: Settings, document: str, key: str, person: Person, *, source: str | None = None) -> Decision:
    """End a hold: the document is judged by the rules alone again.

    Raises:
        ValidationError: the document is not held.
    """
    config = _source_of(settings, document, source)
    held = _out(settings, {"document = ?": document, "document_key = ?": key, "rule = ?": HOLD})
    if not [row for row in held if row.source_relation == config.source_relation]:
        raise ValidationError(f"{document} {key} is not held", next_step=_LIST)
    return _decide_on_document(settings, config, person, "unhold", document=document, document_key=key)


def fix(settings: Settings, batch_id: str, row_no: int, values: Values, person: Person) -> Manifest:
    """Land a row with corrected values; it takes the row's place in the source's order and is judged like any other.

    Raises:
        ValidationError: the row is not out, or a value cannot be put into it.
    """
    store, (sources, _) = LocalBatchStore(settings.landing_dir), read_sources(settings.sources_dir)
    row = find_row(store, sources, batch_id, row_no)
    if not _out(settings, {"batch_id = ?": batch_id, "row_no = ?": row_no}):
        raise _not_out(settings, f"row {row_no} of {batch_id}", "batch_id = ? AND row_no = ?", [batch_id, row_no])
    return land_fix(store, sources[row.source], row, values, actor=person.actor, reason=person.reason)


def _out(settings: Settings, where: dict[str, object]) -> list[OutRow]:
    return outstanding(settings, LocalBatchStore(settings.landing_dir), where)


def _release_of(row: OutRow, person: Person) -> Decision:
    """A row's own rule is released for the row; a break of the whole document for the document."""
    if row.gate == "mart" and row.document:
        about = person.decision("release", source=row.source, source_relation=row.source_relation, rule=row.rule)
        return replace(about, document=row.document, document_key=row.document_key)
    return person.decision("release", source=row.source, batch_id=row.batch_id, row_no=row.row_no, rule=row.rule)


def _decide_on_document(
    settings: Settings, config: SourceConfig, person: Person, kind: str, **document: str
) -> Decision:
    place = {"source": config.source, "source_relation": config.source_relation}
    decided = person.decision(kind, **document, **place)
    land_decisions(LocalBatchStore(settings.landing_dir), [decided])
    return decided


def _check_document(settings: Settings, document: str) -> None:
    names = sorted({table.document.name if table.document else table.name for table in _tables(settings)})
    if document not in names:
        raise ValidationError(f"there is no document {document!r}", next_step=f"documents are {', '.join(names)}")


def _tables(settings: Settings) -> Any:
    return load_contracts(settings.contracts_dir)


def _source_of(settings: Settings, document: str, source: str | None) -> SourceConfig:
    """The source whose document it is: the only one that has such documents, unless one is named."""
    _check_document(settings, document)
    sources, _ = read_sources(settings.sources_dir)
    keys = {table.key for table in _tables(settings) if table.name == document}
    having = {name: config for name, config in sources.items() if keys & config.tables.keys()}
    if source is not None and source in having:
        return having[source]
    if source is None and len(having) == 1:
        return next(iter(having.values()))
    raise ValidationError(
        f"which source's {document}? " + (f"{source} has none" if source else "several have it, or none"),
        next_step=f"name one: --source {' | '.join(having) or '…'}",
    )


def _refuse_released(rows: list[OutRow], name: str) -> None:
    if rows and all(row.next.startswith("release") for row in rows):
        raise NotQuarantinedError(f"{name} is released already: {rows[0].next}", next_step="the next cycle lets it in")


def _not_out(settings: Settings, name: str, condition: str, values: list[object]) -> NotQuarantinedError:
    with open_outstanding(settings, LocalBatchStore(settings.landing_dir)) as connection:
        row = connection.execute(
            f"""SELECT actor, decided_at FROM decision WHERE decision = 'release' AND {condition}
            ORDER BY decided_at DESC LIMIT 1""",
            values,
        ).fetchone()
    if row:
        return NotQuarantinedError(
            f"{name} was released already by {row[0]} at {row[1]:%Y-%m-%d %H:%M} UTC", next_step=_LIST
        )
    return NotQuarantinedError(f"{name} is not quarantined", next_step=_LIST)


def _other_rule(name: str, rule: str, own: list[OutRow]) -> ValidationError:
    broken = ", ".join(sorted({row.rule for row in own})) or "none"
    return ValidationError(f"{name} is not out because of {rule}", next_step=f"its rules are {broken}")


def _document_step(found: list[OutRow]) -> str:
    name = found[0].document_name
    if any(row.rule == HOLD for row in found):
        return f"`backoffice quarantine unhold {name} --reason …`"
    return f"`backoffice quarantine show {name}` names the rows to mend or release"
