"""``backoffice quarantine``: which landed rows are kept out, why, and what a person decides about them."""

from __future__ import annotations

import getpass
import webbrowser
from datetime import UTC, datetime
from typing import Annotated

import typer

from backoffice.cli.console import out, show_table
from backoffice.cli.data import query_marts
from backoffice.cli.quarantine_view import show_causes, show_document, show_row, show_verdicts
from backoffice.errors import ValidationError
from backoffice.landing import LocalBatchStore
from backoffice.settings import get_settings
from backoffice.sources import read_sources
from backoffice.validate import actions
from backoffice.validate.decisions import Decision
from backoffice.validate.landed import is_batch_id
from backoffice.validate.outstanding import SUPERSEDED, outstanding
from backoffice.validate.quarantine import list_quarantined

app = typer.Typer(help="Rows kept out by a gate or a person. Works while the warehouse is held.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; kept with the decision.")]
Actor = Annotated[str, typer.Option(help="Who decides; the user of the operating system when not given.")]
Source = Annotated[str | None, typer.Option(help="Only of this source.")]
Document = Annotated[str, typer.Argument(help="Kind of document, such as sales_order.")]
Key = Annotated[str, typer.Argument(help="The document's key.")]
_APPLIED = "The next cycle applies it."


@app.command("list")
def list_rows(
    *,
    source: Source = None,
    rule: Annotated[str | None, typer.Option(help="Only rules whose name contains this.")] = None,
    document: Annotated[str | None, typer.Option(help="Only this kind of document, this key, or both.")] = None,
    gate: Annotated[str | None, typer.Option(help="landing, base, mart or person.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only what is out since then or later, UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
    all_: Annotated[bool, typer.Option("--all", help="Also verdicts that are settled: the whole history.")] = False,
) -> None:
    """What is out now, newest first, one line for each rule a row breaks."""
    settings, moment = get_settings(), since.replace(tzinfo=UTC) if since else None
    store = LocalBatchStore(settings.landing_dir)
    if all_:
        found = list_quarantined(store, source=source, rule=rule, gate=gate, since=moment, limit=limit)
        show_verdicts(found, read_sources(settings.sources_dir)[0])
        return
    where: dict[str, object] = {
        "source = ?": source,
        "contains(rule, ?)": rule,
        "list_contains([document, document_key, document || ' ' || document_key], ?)": document,
        "gate = ?": gate,
        "since >= ?": moment,
        "next <> ?": SUPERSEDED,
    }
    show_causes(outstanding(settings, store, where, limit))


@app.command("show")
def show(
    first: Annotated[str, typer.Argument(metavar="BATCH|DOCUMENT", help="Batch id, or kind of document.")],
    second: Annotated[str, typer.Argument(metavar="ROW|KEY", help="Row number in the batch, or the document's key.")],
) -> None:
    """A row or a document: why it is out, who decided what, the values, and what to do next."""
    if is_batch_id(first):
        show_row(get_settings(), first, _row_number(second))
    else:
        show_document(get_settings(), first, second)


@app.command("release")
def release(
    *,
    reason: Reason,
    batch: Annotated[str | None, typer.Argument(help="Batch id of a row.")] = None,
    row: Annotated[int | None, typer.Argument(help="Row number in the batch.")] = None,
    document: Annotated[str | None, typer.Option(help="Kind of document, such as sales_order; with --key.")] = None,
    key: Annotated[str | None, typer.Option(help="The document's key.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only despite this rule; alone: all it keeps out.")] = None,
    source: Source = None,
    actor: Actor = "",
) -> None:
    """Let a row, a document, or all that one rule keeps out, into the marts as it is."""
    settings, person = get_settings(), _person(actor, reason)
    if batch is not None and row is not None and document is None:
        decided = [actions.release_row(settings, batch, row, person, rule=rule)]
    elif document is not None and key is not None and batch is None:
        decided = actions.release_document(settings, document, key, person, rule=rule, source=source)
    elif rule is not None and batch is None and document is None:
        decided = actions.release_rule(settings, rule, person, source=source)
    else:
        raise ValidationError(
            "what is to be released?", next_step="give BATCH ROW, or --document and --key, or --rule alone"
        )
    _say(decided, "released")


@app.command("hold")
def hold(
    document: Document,
    key: Key,
    reason: Reason,
    source: Source = None,
    actor: Actor = "",
) -> None:
    """Keep a document out of the marts until `unhold`, whatever its rows say."""
    _say([actions.hold(get_settings(), document, key, _person(actor, reason), source=source)], "held")


@app.command("unhold")
def unhold(
    document: Document,
    key: Key,
    reason: Reason,
    source: Source = None,
    actor: Actor = "",
) -> None:
    """End a hold: the document is judged by the rules alone again."""
    _say([actions.unhold(get_settings(), document, key, _person(actor, reason), source=source)], "no longer held")


@app.command("fix")
def fix(
    *,
    batch: Annotated[str, typer.Argument(help="Batch id, as listed.")],
    row: Annotated[int, typer.Argument(help="Row number in the batch.")],
    reason: Reason,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="May be repeated.")] = None,
    null: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Empty it; may be repeated.")] = None,
    actor: Actor = "",
) -> None:
    """Correct a row: it is landed anew in its place, and judged like any other."""
    values: dict[str, str | None] = dict(_assignment(text) for text in set_ or [])
    values |= dict.fromkeys(null or [])
    landed = actions.fix(get_settings(), batch, row, values, _person(actor, reason))
    out.print(f"row {row} of {batch} corrected in {landed.batch_id}. {_APPLIED}", markup=False)


@app.command("history")
def history(
    rule: Annotated[str, typer.Option(help="Only rules whose name contains this.")] = "",
    source: Annotated[str, typer.Option(help="Only of this source.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the last to fail first.")] = 100,
) -> None:
    """When each rule first and last failed, how often, and where; from the published marts."""
    columns, rows = query_marts(
        get_settings(),
        f"""SELECT source, table_name, gate, rule, first_failed_at, last_failed_at, failures, failed_rows, judged_rows,
            failure_rate FROM marts.mart_rule_history
        WHERE contains(rule, {_literal(rule)}) AND ({_literal(source)} IN ('', source))
        ORDER BY last_failed_at DESC, rule, source""",
        limit,
    )
    show_table(columns, rows)


@app.command("docs")
def docs(
    source: Annotated[str | None, typer.Option(help="Only this source; all when not given.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the first page in the browser.")] = False,
) -> None:
    """Write Great Expectations' pages about the newest landed rows: every rule, what it saw, what broke it."""
    from backoffice.validate.docs import build_docs

    page = build_docs(get_settings(), source)
    out.print(str(page), markup=False)
    if open_:
        webbrowser.open(page.as_uri())


def _say(decided: list[Decision], what: str) -> None:
    for item in decided[:20]:
        out.print(f"{item.subject} is {what}", markup=False)
    if len(decided) > 20:
        out.print(f"and {len(decided) - 20} more")
    out.print(_APPLIED)


def _person(actor: str, reason: str) -> actions.Person:
    return actions.Person(actor or getpass.getuser(), reason)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValidationError(f"--set {text}: it has no =", next_step="write --set column=value")
    return name.strip(), value


def _row_number(text: str) -> int:
    if not text.isdigit():
        raise ValidationError(f"{text!r} is no row number", next_step="take batch and row from the list")
    return int(text)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
