"""What happens to tables without a word in the stream, seen by its traces in the catalogue.

The stream tells rows, and the truncation of whole tables. It does not tell that a partition was attached with its rows,
detached, dropped or truncated, that ALTER … TYPE … USING wrote every row anew, or that a table left the publication for
a time. The catalogue is compared with what it was at the table's last full copy: such a trace calls for another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from backoffice import durable
from backoffice.collect.postgres.catalog import SourceTable
from backoffice.settings import Settings
from backoffice.sources import ReadTable

# A catalogue row that was written again has another xmin. A partition made as one (CREATE … PARTITION OF) has columns
# written by the command that wrote its system columns; ATTACH writes all columns again. A fresh table's file has the
# table's number; TRUNCATE and whatever else writes all rows again gives it another.
_LOOK = """
WITH wanted AS (
    SELECT oid::oid, ARRAY(SELECT jsonb_array_elements_text(names)) AS names
    FROM jsonb_to_recordset(%(wanted)s::jsonb) AS w (oid bigint, names jsonb)),
member AS (
    SELECT w.oid AS root, c.*, (SELECT i.xmin FROM pg_inherits i WHERE i.inhrelid = c.oid LIMIT 1) AS attached
    FROM wanted w CROSS JOIN LATERAL (SELECT w.oid AS member UNION SELECT relid FROM pg_partition_tree(w.oid)) t
    JOIN pg_class c ON c.oid = t.member),
part AS (
    SELECT root, jsonb_object_agg(oid, concat_ws(':', relfilenode, attached)) AS parts,
        coalesce(array_agg(oid::text) FILTER (WHERE pg_relation_size(oid) = 0 OR relfilenode = oid AND EXISTS (
            SELECT FROM pg_attribute s JOIN pg_attribute a ON a.attrelid = s.attrelid AND a.attnum > 0
            WHERE s.attrelid = m.oid AND s.attnum = -6 AND a.xmin = s.xmin AND a.cmin = s.cmin)), '{}') AS born,
        string_agg(concat_ws(':', oid, relreplident, relpersistence, (
            SELECT string_agg(x.indexrelid::text, '+' ORDER BY x.indexrelid) FROM pg_index x
            WHERE x.indrelid = m.oid AND (x.indisprimary OR x.indisreplident))), ',' ORDER BY oid) AS identities
    FROM member m GROUP BY root)
SELECT c.oid, c.relkind = 'p',
    coalesce((SELECT string_agg(concat_ws(':', a.attname, a.attnum, a.xmin), ',' ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = ANY(w.names) AND NOT a.attisdropped), ''),
    coalesce((SELECT concat_ws(':', p.oid, p.xmin, r.oid, r.xmin) FROM pg_publication p
        JOIN pg_publication_rel r ON r.prpubid = p.oid
        WHERE p.pubname = %(publication)s AND r.prrelid = c.oid), ''),
    part.parts, part.born, concat_ws(':', c.relnamespace, c.relname, part.identities)
FROM wanted w JOIN pg_class c ON c.oid = w.oid JOIN part ON part.root = c.oid"""


class Trace(BaseModel):
    """A table in the catalogue. Every text is only compared."""

    model_config = ConfigDict(frozen=True)

    columns: str = Field(description="Catalogue rows of the columns relied on.")
    published: str = Field(description="Catalogue rows of its publication.")
    parts: dict[str, str] = Field(
        description="By number of the table, and of the members of its tree: file, attachment."
    )


class Kept(BaseModel):
    """The trace since full copy number ``batch``."""

    model_config = ConfigDict(frozen=True)

    batch: int
    trace: Trace


class Look(NamedTuple):
    """A table in the catalogue now; ``born`` are the members of its tree that are empty or were made as partitions."""

    trace: Trace
    is_partitioned: bool
    born: frozenset[str]
    name: str

    def signature(self) -> object:
        """What does not change as long as the stream tells everything."""
        return self.trace if self.is_partitioned else self.trace.model_copy(update={"parts": {}}), self.name

    def why_copy(self, before: Trace) -> str:
        """Why the stream since ``before`` does not tell everything; empty when it does."""
        now = self.trace
        if now.published != before.published:
            return "its publication was altered meanwhile"
        changed = any(now.parts.get(part) != was for part, was in before.parts.items())
        if not self.is_partitioned:
            return "an ALTER wrote its rows anew" if changed and now.columns != before.columns else ""
        if before.parts.keys() - now.parts.keys():
            return "a partition was detached or dropped"
        if changed:
            return "a partition was truncated, rewritten or attached anew"
        return "a partition was attached" if now.parts.keys() - before.parts.keys() - self.born else ""


def look(
    connection: psycopg.Connection[Any],
    publication: str,
    oids: Mapping[str, int],
    reads: Mapping[str, ReadTable],
) -> dict[str, Look]:
    """The tables as the catalogue has them now, by read; one that is gone is left out.

    Args:
        connection: to the source.
        publication: its name.
        oids: by read, the table's number.
        reads: of the source.
    """
    wanted = [{"oid": oid, "names": list(reads[name].columns)} for name, oid in oids.items()]
    found = connection.execute(_LOOK, {"wanted": json.dumps(wanted), "publication": publication}).fetchall()
    by_oid = {
        oid: Look(Trace(columns=columns, published=published, parts=parts), partitioned, frozenset(born), name)
        for oid, partitioned, columns, published, parts, born, name in found
    }
    return {name: by_oid[oid] for name, oid in oids.items() if oid in by_oid}


def numbers(tables: Iterable[SourceTable]) -> dict[str, int]:
    """By read, the table's number."""
    return {table.read: table.oid for table in tables}


class _Traces(RootModel[dict[str, Kept]]):
    """By read."""


class TraceFile:
    """``<home>/collect/<source>.tables.json``; losing it costs a full copy, never a row.

    A trace is written before the batch of the copy it belongs to: if that never lands, the numbers do not match.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._path: Path = settings.collect_dir / f"{source}.tables.json"

    def read(self) -> dict[str, Kept]:
        """By read; empty when there is none that can be read."""
        try:
            return _Traces.model_validate_json(self._path.read_text(encoding="utf-8")).root
        except (FileNotFoundError, ValidationError):
            return {}

    def write(self, kept: dict[str, Kept]) -> None:
        """Put these in place of those before, where they differ."""
        if kept != self.read():
            durable.write_text(self._path, _Traces(kept).model_dump_json())
