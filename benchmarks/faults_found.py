"""Faults that were made, findings of the gates, and which belongs to which: both are known by names.

A name is a row (source, read, key), a document or an entity (its kind, its number), or what a total is about (a number
of a bank's statements, a firm's day). A finding that shares a name with a fault found it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from backoffice.errors import AuditError
from backoffice.settings import Settings
from backoffice.simulate.company.history import faults_folder
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import raw_name
from backoffice.warehouse import dbt, meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.meta import key_of

UNSEEN, HARMLESS = "F40", "F01"
"""A plausible wrong value that nothing can see; what is told twice and counts once. Neither counts in recall."""
Name = tuple[str, ...]
_READS = {
    "hours.entry": ("timesheets", "hours"),
    "crm.ticket": ("helpdesk", "ticket"),
    "crm.note": ("helpdesk", "note"),
    "crm.survey": ("surveys", "survey"),
    "bank.statement": ("bank", "statement"),
}
"""Where a table of a system is read, when not in the source and read of the same names."""
_ENTITIES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "archive.document": (("document", ("doc_id",)),),
    "bank.account": (("statement number", ("iban", "sequence")),),
    "bank.entry": (("bank_transaction", ("reference",)),),
    "erp.card_item": (("settlement", ("card_no",)),),
    "erp.creditor": (("vendor", ("creditor_no",)),),
    "erp.invoice": (("invoice", ("invoice_no",)),),
    "erp.invoice_line": (("invoice", ("invoice_no",)),),
    "erp.ledger_line": (("journal", ("voucher",)),),
    "erp.orders_of_day": (("day of orders", ("firm", "day")),),
    "erp.payment": (("payment", ("payment_no",)),),
    "erp.po_line": (("purchase_order", ("po_no",)),),
    "erp.so_head": (("sales_order", ("so_no",)),),
    "erp.so_line": (("sales_order", ("so_no",)), ("sales_order_line", ("so_no", "pos"))),
    "erp.stock_post": (("stock_movement", ("post_no",)),),
    "hris.pay_slip": (("payslip", ("slip_no",)),),
}
"""What a row of a table is called by those who name documents and parents, and by which columns of its key."""


@dataclass(frozen=True)
class Fault:
    """A mistake that was made: its kind, and what it may be known by."""

    kind: str
    says: str
    names: frozenset[Name]


@dataclass(frozen=True)
class Finding:
    """What is out by itself, or a row of a total that does not hold or of a warning: the rule, and what it names."""

    rule: str
    names: frozenset[Name]
    is_warning: bool = False


def read_faults(settings: Settings, sources: dict[str, SourceConfig]) -> list[Fault]:
    """The truth, from the company's own log."""
    lines = [line for path in faults_folder(settings).glob("*.jsonl") for line in path.read_text().splitlines()]
    found = []
    for told in map(json.loads, lines):
        places = [told, *told["along"], *told["seen_at"]]
        names = {name for place in places for name in _names(sources, place["table"], place["key"])}
        found.append(Fault(told["fault"], told["says"], frozenset(names)))
    return found


def _names(sources: dict[str, SourceConfig], table: str, key: dict[str, str]) -> Iterator[Name]:
    for entity, columns in _ENTITIES.get(table, ()):
        yield (entity, "-".join(key[column] for column in columns))
    source, read = _READS.get(table) or tuple(table.split("."))
    if source in sources and read in sources[source].reads:
        columns = sources[source].reads[read].primary_key
        values = [key[column] for column in columns] if set(columns) <= set(key) else list(key.values())
        yield (source, read, *values)


def read_findings(settings: Settings, sources: dict[str, SourceConfig]) -> list[Finding]:
    """Rows and documents that a rule named, and rows that wait for a parent which is not out."""
    with open_warehouse(settings) as connection:
        named = connection.execute(
            """SELECT DISTINCT source, table_name, batch_id, row_no, rule, gate = 'mart', document, document_key
            FROM meta.verdict WHERE severity = 'error'"""
        ).fetchall()
        found = []
        for source, read, batch, row, rule, is_mart, document, key in named:
            name = (document, key) if is_mart else _row(connection, sources[source], read, batch, row)
            found.append(Finding(rule, frozenset([name])))
        return [*found, *_orphans(connection, sources), *_counted_once(connection, sources)]


def _counted_once(connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig]) -> Iterator[Finding]:
    """Lines of the carriers that landed twice and are one event in the marts: there is nothing to keep out."""
    twice = connection.execute(
        f"""WITH twice AS (
            SELECT "Hændelse" AS number FROM raw.{raw_name("carrier", "scan")} GROUP BY ALL HAVING count(*) > 1
        )
        SELECT number FROM twice LEFT JOIN base.base_shipment_event AS e ON e.event_id = number
        GROUP BY number HAVING count(e.event_id) <= 1"""
    ).fetchall()
    for (number,) in twice:
        yield Finding("a key counts once", frozenset([("carrier", "scan", number)]), is_warning=True)


def out_for_another_reason(settings: Settings, sources: dict[str, SourceConfig], faults: Iterable[Fault]) -> list[bool]:
    """Of each fault, whether its own row is in quarantine or waits: with its document, or for a parent that is out."""
    with open_warehouse(settings) as connection:
        return [any(_is_out(connection, sources, name) for name in fault.names) for fault in faults]


def _is_out(connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig], name: Name) -> bool:
    if name[0] not in sources or name[1] not in sources[name[0]].reads:
        return False
    source, read, *values = name
    matches = " AND ".join(f'CAST(r."{column}" AS VARCHAR) = ?' for column in sources[source].reads[read].primary_key)
    found = connection.execute(
        f"""SELECT count(*) FROM raw.{raw_name(source, read)} AS r WHERE {matches} AND (
            EXISTS (SELECT 1 FROM meta.quarantined AS q WHERE q.batch_id = r._batch_id AND q.row_no = r._row_no)
            OR EXISTS (SELECT 1 FROM meta.waiting AS w WHERE w.batch_id = r._batch_id AND w.row_no = r._row_no))""",
        values,
    ).fetchall()
    return bool(found[0][0])


def _orphans(connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig]) -> Iterator[Finding]:
    waiting = connection.execute(
        f"""SELECT m.source, m.table_name, w.batch_id, w.row_no, w.entity || '.' || w.reference || '.unknown', w.parent,
            w.value
        FROM meta.waiting AS w JOIN meta.mapping AS m USING (source_relation, entity)
        WHERE NOT EXISTS (SELECT 1 FROM meta.quarantined AS q
            WHERE q.entity = w.parent AND q.source_relation = w.source_relation AND q.key = w.value)
        AND NOT EXISTS (SELECT 1 FROM meta.waiting AS p WHERE p.entity = w.parent
            AND p.key = {key_of("w.source_relation", "w.value")})"""
    ).fetchall()
    for source, read, batch, row, rule, parent, value in waiting:
        yield Finding(rule, frozenset([_row(connection, sources[source], read, batch, row), (parent, value)]))


def _row(connection: duckdb.DuckDBPyConnection, config: SourceConfig, read: str, batch: str, row: int) -> Name:
    names = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in config.reads[read].primary_key)
    query = f"SELECT {names} FROM raw.{raw_name(config.source, read)} WHERE _batch_id = ? AND _row_no = ?"
    return (config.source, read, *connection.execute(query, [batch, row]).fetchall()[0])


def _statement_numbers(row: dict[str, Any]) -> Iterator[Name]:
    for number in range(int(row["first_missing"]), int(row["last_missing"]) + 1):
        yield ("statement number", f"{row['bank_account_id']}-{number}")


_ABOUT: dict[str, Callable[[dict[str, Any]], Iterable[Name]]] = {
    "no_bank_statement_is_missing": _statement_numbers,
    "bank_details_changed_before_a_payment": lambda row: [("vendor", row["vendor_id"])],
    "what_is_shipped_is_billed_in_time": lambda row: [("sales_order", row["order_id"])],
    "carrier_tells_local_time": lambda row: [("carrier", "scan", row["event_id"])],
    "orders_come_every_day": lambda row: [("day of orders", f"{row['company_id']}-{row['order_date']}")],
}
"""What rows of a total, or of a warning, are about."""


def read_totals(settings: Settings) -> list[Finding]:
    """Rows of totals and warnings of the mart gate, which name neither row nor document, as they are now."""
    tests = [
        node.name
        for node in dbt.manifest(settings).nodes.values()
        if node.resource_type == "test" and not hasattr(node, "test_metadata") and not node.config.meta.get("locator")
    ]
    with open_warehouse(settings) as connection:
        generation = meta.current_generation(connection)
        variables = {
            "generation": generation,
            "published_generation": 0,
            "as_of": str(meta.as_of(connection, generation)),
            "published_as_of": "1900-01-01 00:00:00+00",
        }
    # a failing test keeps what is made of its models from being built
    made = dbt.run_dbt(settings, ["run", "--select", "path:models/marts"], variables)
    results = dbt.run_dbt(settings, ["test", "--select", *tests], variables)
    if unable := [result.node.name for result in [*made, *results] if str(result.status) in ("error", "skipped")]:
        raise AuditError(f"not judged: {', '.join(unable)}", where="dbt_project/", next_step="read dbt's log")
    with open_warehouse(settings) as connection:
        return [
            Finding(result.node.name, _about(result.node.name, row), str(result.status) == "warn")
            for result in results
            if str(result.status) in ("fail", "warn")
            for row in _dicts(connection, str(result.node.compiled_code))
        ]


def _about(test: str, row: dict[str, Any]) -> frozenset[Name]:
    about = _ABOUT.get(test)
    return frozenset(about(row) if about else [(test, json.dumps(row, default=str))])


def _dicts(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [str(column[0]) for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


class Score:
    """Faults against findings. A warning takes nothing out: it asks, and may ask about what is no fault."""

    def __init__(self, faults: list[Fault], findings: list[Finding]) -> None:
        self._findings = findings
        self._by_name: dict[Name, set[str]] = defaultdict(set)
        for finding in findings:
            for name in finding.names:
                self._by_name[name].add(finding.rule)
        rules = [(fault, self._rules(fault)) for fault in faults]
        self.made = Counter(fault.kind for fault in faults)
        self.found = Counter(fault.kind for fault, by in rules if by)
        self.says = {fault.kind: fault.says for fault in faults}
        self.missed = [fault for fault, by in rules if not by and fault.kind not in (UNSEEN, HARMLESS)]
        known = {name for fault in faults for name in fault.names}
        unknown = [finding for finding in findings if not finding.names & known]
        self.false = [finding for finding in unknown if not finding.is_warning]
        self.asked = len(unknown) - len(self.false)
        self._rules_of: dict[str, Counter[str]] = defaultdict(Counter)
        for fault, by in rules:
            self._rules_of[fault.kind].update(by)

    def _rules(self, fault: Fault) -> set[str]:
        return {rule for name in fault.names for rule in self._by_name.get(name, ())}

    @cached_property
    def visible(self) -> int:
        """Faults that something can see and has to."""
        return sum(made for kind, made in self.made.items() if kind not in (UNSEEN, HARMLESS))

    @property
    def recall(self) -> float:
        """The share of them that was found."""
        return 1 - len(self.missed) / max(self.visible, 1)

    def kinds(self) -> list[tuple[str, int]]:
        """Kinds and how many there are of them, in order."""
        return sorted(self.made.items())

    def rules_of(self, kind: str) -> str:
        """What found faults of a kind, the most frequent first."""
        counted = sorted(self._rules_of[kind].items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{rule} ({count})" for rule, count in counted) or "nothing"

    def precision(self) -> list[tuple[str, float]]:
        """Rules, and the share of what they named that has a fault."""
        named, wrong = Counter(f.rule for f in self._findings if not f.is_warning), Counter(f.rule for f in self.false)
        return [(rule, 1 - wrong[rule] / count) for rule, count in sorted(named.items())]
