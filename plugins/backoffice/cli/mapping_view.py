"""How a check of a mapping is shown."""

from __future__ import annotations

from rich.text import Text

from backoffice.cli.console import out, show_table
from backoffice.onboard.report import Finding, Report, Total

_COLOURS = {"error": "bold red", "warning": "yellow", "accepted": "cyan"}
_LONGEST = 160


def show_report(report: Report) -> None:
    """Print it: coverage, then what does not hold, then totals."""
    reads = ", ".join(f"{name} {count:,}" for name, count in report.reads.items())
    out.print(f"{report.source}: {'all' if report.is_full else 'a sample of'} rows read: {reads}", markup=False)
    for file, what in report.set_aside.items():
        out.print(f"set aside {file}: {what}", markup=False, style="yellow")
    show_table(
        ["table", "rows", "columns", "missing", "accepted"],
        [
            [c.table, f"{c.rows:,}", f"{c.mapped}/{c.columns}", ", ".join(c.missing), ", ".join(c.accepted)]
            for c in report.coverage
        ],
        title="coverage",
    )
    if report.unmapped:
        rows = [[u.table, u.column, u.code, u.rows, u.where] for u in report.unmapped]
        show_table(["table", "column", "code", "rows", "where"], rows, title="unmapped codes")
    for finding in report.findings:
        _show_finding(finding)
    if report.totals:
        totals = [[t.name, t.canonical, t.source, Text(_agreement(t)), t.where] for t in report.totals]
        show_table(["total", "canonical", "source", "", "where"], totals, title="reconciled")
    for text in report.not_judged:
        out.print(f"not judged: {text}", markup=False, style="dim")
    _show_verdict(report)


def _agreement(total: Total) -> str:
    if total.is_equal:
        return "equal"
    return total.error or (f"differs, accepted: {total.accepted}" if total.accepted else "DIFFERS")


def _show_finding(finding: Finding) -> None:
    rows = f"{finding.rows:,} rows: " if finding.rows else ""
    head = Text(finding.level, style=_COLOURS[finding.level])
    head.append(f"  {finding.table} {finding.column} {finding.rule}: {rows}{finding.message}", style="default")
    out.print(head)
    out.print(f"    {finding.where}  {finding.expression}".rstrip(), markup=False)
    if finding.reason:
        out.print(f"    accepted: {finding.reason}", markup=False)
    for sample in finding.samples:
        out.print("    " + ", ".join(f"{name}={_short(value)}" for name, value in sample.items()), markup=False)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _show_verdict(report: Report) -> None:
    failing = sum(finding.level == "error" for finding in report.findings)
    failing += sum(not total.is_equal for total in report.totals)
    checks, totals = f"{report.checks} checks", f"{len(report.totals)} totals"
    if report.holds:
        out.print(f"{report.source} holds: {checks}, {totals}", style="green")
    else:
        out.print(f"{report.source} does not hold: {failing} of {checks} and {totals} fail", style="bold red")
