"""Rows a person corrected: loaded beside the row they correct, in its place in the source's order.

In: batches of the pseudo-source ``_fixes_<source>``. Out: rows in the source's raw tables whose ``_batch_seq`` and
``_row_no`` are the corrected row's, so that no version after it is overwritten; and ``meta.fix``, which says what
replaces what. The newest fix of a row counts; the row itself and earlier fixes of it are replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from backoffice.landing import BatchStore, Manifest, fixes_of
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import raw_name
from backoffice.warehouse.raw import INCOMING, raw_columns, stage_incoming


def pending_fixes(
    connection: duckdb.DuckDBPyConnection, store: BatchStore, sources: dict[str, SourceConfig]
) -> dict[str, list[Manifest]]:
    """Batches of fixes that are landed and not loaded, by source."""
    return {name: list(_pending(connection, store, name)) for name in sources}


def load_fix(
    connection: duckdb.DuckDBPyConnection, store: BatchStore, config: SourceConfig, fix: Manifest, generation: int
) -> None:
    """Insert the corrected rows of a batch; the caller holds a transaction and has loaded the batch they correct."""
    for table in fix.tables:
        place = _Place(connection, config, table.name, str(fix.notes["fixes"]))
        stage_incoming(connection, config, table.name, store.relation([fix], table.name), generation)
        connection.execute(f"UPDATE {INCOMING} SET _batch_seq = {place.seq}")
        place.carry_unchanged()
        connection.execute(f"INSERT INTO {place.target} BY NAME SELECT * FROM {INCOMING}")
        place.delete_in_later_images(store, generation)
        connection.execute(
            f"""INSERT INTO meta.fix
            SELECT ?, ?, _batch_id, _row_no, ?, ?, _batch_seq, ?, ?, ?, {generation} FROM {INCOMING}""",
            [config.source, table.name, fix.seq, place.root, fix.notes["actor"], fix.notes["reason"], fix.landed_at],
        )
        connection.execute(f"DROP TABLE {INCOMING}")


def _pending(connection: duckdb.DuckDBPyConnection, store: BatchStore, source: str) -> Iterator[Manifest]:
    name = fixes_of(source)
    row = connection.execute("SELECT coalesce(max(batch_seq), 0) FROM meta.batch WHERE source = ?", [name]).fetchone()
    return store.batches(name, int(row[0]) if row else 0)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the staged rows belong: beside the rows of batch ``root`` in a read's raw table."""

    connection: duckdb.DuckDBPyConnection
    config: SourceConfig
    read: str
    root: str

    @property
    def target(self) -> str:
        return f"raw.{raw_name(self.config.source, self.read)}"

    @property
    def seq(self) -> int:
        return int(self.root[-10:])

    def carry_unchanged(self) -> None:
        """Values the source did not send with the row were carried over when it was loaded: the fix has them too."""
        for name in raw_columns(self.config, self.read):
            self.connection.execute(
                f"""UPDATE {INCOMING} AS i SET "{name}" = o."{name}" FROM {self.target} AS o
                WHERE list_contains(i._unchanged, '{name}') AND o._batch_id = ? AND o._row_no = i._row_no""",
                [self.root],
            )
        lost = "list_intersect(i._unchanged, o._unchanged)"
        self.connection.execute(
            f"""UPDATE {INCOMING} AS i SET _unchanged = CASE WHEN len({lost}) > 0 THEN {lost} END
            FROM {self.target} AS o WHERE i._unchanged IS NOT NULL AND o._batch_id = ? AND o._row_no = i._row_no""",
            [self.root],
        )

    def delete_in_later_images(self, store: BatchStore, generation: int) -> None:
        """A fix that gives a row another key makes that key live; each later full image without it deletes it."""
        keys = self.config.reads[self.read].primary_key
        same = " AND ".join(f'i."{key}" = o."{key}"' for key in keys)
        moved = self.connection.execute(
            f"""SELECT i._row_no FROM {INCOMING} AS i
            JOIN {self.target} AS o ON o._batch_id = ? AND o._row_no = i._row_no
            WHERE i._op <> 'd' AND (({same}) IS NOT TRUE)""",
            [self.root],
        ).fetchall()
        if not moved:
            return
        listed = ", ".join(f'i."{key}"' for key in keys)
        for image in self._later_images(store):
            self.connection.execute(
                f"""INSERT INTO {self.target} BY NAME
                SELECT {listed}, $id AS _batch_id, $seq AS _batch_seq, 0 AS _row_no, 'd' AS _op,
                    'absent' AS _event_id, $event_at AS _event_at, $landed_at AS _ingested_at, true AS _derived,
                    {generation}::BIGINT AS _generation
                FROM {INCOMING} AS i
                WHERE i._row_no IN (SELECT unnest($moved)) AND NOT EXISTS (
                    SELECT 1 FROM {self.target} AS o WHERE o._batch_seq = $seq AND {same})""",
                {
                    "id": image.batch_id,
                    "seq": image.seq,
                    "event_at": image.event_at_max or image.landed_at,
                    "landed_at": image.landed_at,
                    "moved": [row for (row,) in moved],
                },
            )

    def _later_images(self, store: BatchStore) -> Iterator[Manifest]:
        """Loaded batches after the corrected one that hold the read's whole table."""
        found = self.connection.execute(
            """SELECT b.batch_seq FROM meta.batch AS b JOIN meta.batch_table AS t ON t.batch_id = b.batch_id
            WHERE b.source = ? AND b.batch_seq > ? AND b.kind IN ('snapshot', 'file') AND t.table_name = ?
            ORDER BY b.batch_seq""",
            [self.config.source, self.seq, self.read],
        ).fetchall()
        for (seq,) in found:
            manifest = store.manifest(self.config.source, seq)
            if manifest and any(table.name == self.read and table.full for table in manifest.tables):
                yield manifest
