"""How quarantined rows and documents are shown on a terminal."""

from __future__ import annotations

from backoffice.cli.console import out, show_table
from backoffice.errors import ValidationError
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, read_sources
from backoffice.validate.landed import find_row
from backoffice.validate.outstanding import HOLD, SUPERSEDED, WITH_DOCUMENT, OutRow, open_outstanding, outstanding
from backoffice.validate.quarantine import Verdict, verdicts_of

_MINUTE = "%Y-%m-%d %H:%M:%S"
_CAUSES = ("source", "table", "batch", "row", "document or key", "gate", "rule", "value", "since (UTC)", "next cycle")


def show_causes(found: list[OutRow]) -> None:
    """One line for each cause that keeps a row out."""
    if not found:
        out.print("No quarantined rows.")
        return
    show_table(
        _CAUSES,
        [
            (
                row.source,
                row.table,
                row.batch_id,
                row.row_no,
                row.document_name or row.key,
                row.gate,
                row.rule,
                row.value,
                f"{row.since:{_MINUTE}}",
                row.next,
            )
            for row in found
        ],
    )


def show_verdicts(found: list[Verdict], sources: dict[str, SourceConfig]) -> None:
    """One line for each verdict ever given."""
    if not found:
        out.print("No verdicts.")
        return
    show_table(
        ("source", "table", "key", "batch", "row", "rule", "value", "when (UTC)"),
        [
            (v.source, v.table, v.key(sources), v.batch_id, v.row_no, v.rule, v.value, f"{v.judged_at:{_MINUTE}}")
            for v in found
        ],
    )


def show_row(settings: Settings, batch_id: str, row_no: int) -> None:
    """One landed row.

    Raises:
        ValidationError: there is no such row.
    """
    store, (sources, _) = LocalBatchStore(settings.landing_dir), read_sources(settings.sources_dir)
    row = find_row(store, sources, batch_id, row_no)
    found = outstanding(settings, store, {"batch_id = ?": batch_id, "row_no = ?": row_no})
    out.print(f"Row {row_no} of {batch_id}: {row.source}.{row.table}. {_state(found)}", markup=False)
    for verdict in verdicts_of(store, batch_id, row_no):
        out.print(_sentence(verdict), markup=False)
    show_table(("column", "value"), row.values().items())
    document = next((item for item in found if item.document), None)
    if document is not None:
        others = _document_rows(settings, str(document.document), str(document.document_key))
        if rest := [item for item in others if (item.batch_id, item.row_no) != (batch_id, row_no)]:
            out.print(f"Other rows of {document.document_name}:", markup=False)
            show_causes(rest)
    _show_decisions(settings, found, batch_id, row_no)
    for line in next_steps(found):
        out.print(line, markup=False, soft_wrap=True)


def show_document(settings: Settings, document: str, key: str) -> None:
    """A document that is out, with every row of it.

    Raises:
        ValidationError: it is not out.
    """
    found = _document_rows(settings, document, key)
    if not found:
        raise ValidationError(
            f"{document} {key} is not quarantined", next_step="`backoffice quarantine list` shows what is out"
        )
    out.print(f"{document} {key}. {_state(found)}", markup=False)
    show_causes(found)
    _show_decisions(settings, found)
    for line in next_steps(found):
        out.print(line, markup=False, soft_wrap=True)


def next_steps(found: list[OutRow]) -> list[str]:
    """What a person may do about rows that are out, as commands."""
    steps = []
    for row in found:
        if row.next == SUPERSEDED:
            steps.append("a newer version is in the marts: nothing needs to be done about this one")
        elif row.next:
            steps.append(f"waits for the next cycle: {row.next}")
        elif row.rule == HOLD:
            steps.append(f"end the hold: backoffice quarantine unhold {row.document_name} --reason …")
        elif row.rule != WITH_DOCUMENT:
            steps.append(f"correct it: backoffice quarantine fix {row.batch_id} {row.row_no} --set COLUMN=… --reason …")
            steps.append(f"accept it as it is: backoffice quarantine release {row.batch_id} {row.row_no} --reason …")
    if any(not row.next for row in found):
        steps.append("or correct it at the source: the newer version takes its place by itself")
    return list(dict.fromkeys(steps))


def _document_rows(settings: Settings, document: str, key: str) -> list[OutRow]:
    store = LocalBatchStore(settings.landing_dir)
    return outstanding(settings, store, {"document = ?": document, "document_key = ?": key})


def _state(found: list[OutRow]) -> str:
    if not found:
        return "It is not quarantined."
    since = min(row.since for row in found)
    return f"Out since {since:{_MINUTE}} UTC."


def _show_decisions(settings: Settings, found: list[OutRow], batch_id: str = "", row_no: int = 0) -> None:
    documents = sorted({row.document_name for row in found if row.document})
    with open_outstanding(settings, LocalBatchStore(settings.landing_dir)) as connection:
        decided = connection.execute(
            """SELECT decided_at, decision, actor, reason, rule FROM decision
            WHERE (batch_id = ? AND row_no = ?) OR list_contains(?, document || ' ' || document_key)
            UNION ALL
            SELECT fixed_at, 'fix', actor, reason, batch_id FROM fix
            WHERE row_no = ? AND (root_batch_id = ? OR batch_id = ?) ORDER BY 1""",
            [batch_id, row_no, documents, row_no, batch_id, batch_id],
        ).fetchall()
    for moment, decision, actor, reason, about in decided:
        detail = f" ({about})" if about else ""
        out.print(f"{moment:{_MINUTE}} {decision}{detail} by {actor}: {reason}", markup=False)


def _sentence(item: Verdict) -> str:
    blamed = f": {item.column} is {item.value}" if item.column else ""
    return f"{item.severity} {item.rule}{blamed} (suite {item.suite} {item.suite_version})"
