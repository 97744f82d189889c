"""Asking people about what is out: one request a document (or a row that stands alone), asked until it is answered.

In: what is out now. Out: :class:`Request` objects, whose answers go to :func:`answer`. What was asked is remembered in
``<home>/reviews``, one file a request, so that nobody is asked twice and an answer that never came is asked for again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backoffice.durable import write_text
from backoffice.errors import NotQuarantinedError, ValidationError
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.validate import actions
from backoffice.validate.outstanding import HOLD, WITH_DOCUMENT, OutRow, outstanding

RELEASE, KEEP = "Release", "Keep out"
AT_ONCE = 20
"""More new requests than this are put together by rule: nobody answers a thousand questions."""
_SHOWN_ROWS = 50


@dataclass(frozen=True, slots=True)
class Request:
    """A question. Of ``document`` with ``key``, ``batch`` with ``row``, and ``rule`` one is given."""

    subject: str
    body: str
    source: str
    document: str = ""
    key: str = ""
    batch: str = ""
    row: int = 0
    rule: str = ""

    @property
    def name(self) -> str:
        """The same as long as it is about the same thing."""
        about = [self.source, self.document, self.key, self.batch, str(self.row), self.rule]
        return hashlib.sha256("|".join(about).encode()).hexdigest()[:24]


def open_requests(
    settings: Settings, *, document: str = "", key: str = "", batch: str = "", row: int = 0, patience: timedelta
) -> list[Request]:
    """What people are to be asked now.

    Args:
        settings: folders.
        document: ask about this document, asked before or not; with ``key``.
        key: its key.
        batch: ask about this row, likewise; with ``row``.
        row: its number.
        patience: a request that was not answered for so long is asked again.

    Raises:
        ValidationError: the named document or row is not out.
    """
    where: dict[str, object] = {
        "document = ?": document or None,
        "document_key = ?": key or None,
        "batch_id = ?": batch or None,
        "row_no = ?": row or None,
    }
    found = outstanding(settings, LocalBatchStore(settings.landing_dir), where)
    undecided = [item for item in found if not item.next]
    requests = _by_document([item for item in undecided if not _held(item, undecided)])
    if document or batch:
        if not requests:
            name = f"{document} {key}" if document else f"row {row} of {batch}"
            raise NotQuarantinedError(
                f"{name} waits for no decision", next_step="`backoffice quarantine list` shows what is out"
            )
        return [_asked(settings, request) for request in requests]
    _forget(settings, {request.name for request in (*requests, *_by_rule(undecided))})
    fresh = [request for request in requests if not _is_asked(settings, request, patience)]
    if len(fresh) > AT_ONCE:
        for request in fresh:  # asked about by their rules
            _asked(settings, request)
        fresh = [request for request in _by_rule(undecided) if not _is_asked(settings, request, patience)]
    return [_asked(settings, request) for request in fresh]


def answer(settings: Settings, request: Request, chosen: str, actor: str, reason: str) -> str:
    """Carry out an answer; returns what was done.

    Args:
        settings: folders.
        request: what was asked.
        chosen: :data:`RELEASE` or :data:`KEEP`.
        actor: who answered; empty when nobody did in time: the question stays open and is asked again.
        reason: what they wrote.
    """
    if not actor:
        return f"{request.subject}: nobody answered, it stays out and is asked about again"
    if chosen != RELEASE:
        write_text(_path(settings, request), json.dumps({"kept_by": actor, "reason": reason}))
        return f"{request.subject}: {actor} keeps it out"
    person = actions.Person(actor, reason.strip() or "approved in Airflow")
    try:
        if request.rule:
            actions.release_rule(settings, request.rule, person, source=request.source)
        elif request.document:
            actions.release_document(settings, request.document, request.key, person, source=request.source)
        else:
            actions.release_row(settings, request.batch, request.row, person)
    except NotQuarantinedError as error:  # somebody mended or released it while the question stood
        return f"{request.subject}: nothing to release, {error.what}"
    return f"{request.subject}: released by {actor}, the next cycle applies it"


def to_json(request: Request) -> dict[str, str | int]:
    """As it passes between tasks."""
    return asdict(request)


def _held(row: OutRow, rows: Iterable[OutRow]) -> bool:
    """A person keeps it out already: there is nothing to ask."""
    if row.rule == HOLD:
        return True
    return bool(row.document) and any(
        other.rule == HOLD
        and (other.document, other.source, other.document_key) == (row.document, row.source, row.document_key)
        for other in rows
    )


def _by_document(rows: list[OutRow]) -> list[Request]:
    groups: dict[tuple[object, ...], list[OutRow]] = {}
    for row in rows:
        alone = (row.source, row.batch_id, row.row_no)
        groups.setdefault((row.source, row.document, row.document_key) if row.document else alone, []).append(row)
    return [_request(group) for group in groups.values() if any(row.rule != WITH_DOCUMENT for row in group)]


def _by_rule(rows: list[OutRow]) -> list[Request]:
    groups: dict[tuple[str, str], list[OutRow]] = {}
    for row in rows:
        if row.rule not in (HOLD, WITH_DOCUMENT):
            groups.setdefault((row.source, row.rule), []).append(row)
    return [
        Request(f"{len(group)} rows of {source} break {rule}", _body(group), source, rule=rule)
        for (source, rule), group in groups.items()
    ]


def _request(group: list[OutRow]) -> Request:
    first = group[0]
    rules = ", ".join(sorted({row.rule for row in group if row.rule != WITH_DOCUMENT}))
    if first.document:
        subject = f"{first.source}: {first.document_name} breaks {rules}"
        return Request(subject, _body(group), first.source, first.document, str(first.document_key))
    subject = f"{first.source}: row {first.row_no} of {first.batch_id} breaks {rules}"
    return Request(subject, _body(group), first.source, batch=first.batch_id, row=first.row_no or 0)


def _body(group: list[OutRow]) -> str:
    """Markdown: the rows, and what the two answers mean."""
    lines = ["| table | batch | row | rule | column | value |", "| --- | --- | --- | --- | --- | --- |"]
    for row in group[:_SHOWN_ROWS]:
        cells = (row.table, row.batch_id, row.row_no, row.rule, row.column or "", row.value or "")
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if len(group) > _SHOWN_ROWS:
        lines.append(f"\nand {len(group) - _SHOWN_ROWS} more")
    lines += [
        "",
        f"**{RELEASE}** lets it into the marts as it is, with the next cycle. **{KEEP}** leaves it out; it can "
        "still be corrected at the source or with `backoffice quarantine fix`.",
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")[:200]


def _path(settings: Settings, request: Request) -> Path:
    return settings.home / "reviews" / f"{request.name}.json"


def _asked(settings: Settings, request: Request) -> Request:
    write_text(_path(settings, request), json.dumps({"asked_at": datetime.now(UTC).isoformat()}))
    return request


def _is_asked(settings: Settings, request: Request, patience: timedelta) -> bool:
    path = _path(settings, request)
    if not path.exists():
        return False
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return "kept_by" in known or datetime.fromisoformat(known["asked_at"]) > datetime.now(UTC) - patience
    except (ValueError, KeyError) as error:
        raise ValidationError(
            f"what was asked cannot be read: {error}", where=str(path), next_step="remove the file: it is asked again"
        ) from error


def _forget(settings: Settings, names: set[str]) -> None:
    """What is no longer out is asked about again when it comes back."""
    for path in (settings.home / "reviews").glob("*.json"):
        if path.stem not in names:
            path.unlink()
