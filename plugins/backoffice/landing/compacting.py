"""Writing one compacted range: the rows of its batches, their manifests, and the proof that nothing differs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from backoffice.durable import sync_file
from backoffice.errors import LandingError
from backoffice.landing.compacted import (
    MANIFEST,
    MANIFESTS,
    PER_GROUP,
    SEQ,
    CompactedFile,
    CompactedManifest,
)
from backoffice.landing.local import LocalBatchStore
from backoffice.landing.manifest import Manifest, batch_id
from backoffice.landing.parquet import parquet_writer

_ROW_GROUP = 65_536
_SPLIT_BYTES = 512 << 20  # a file is closed past this, so that a range with a first copy in it has files of usable size


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to take rows from: of one batch, or of the batches of a smaller range."""

    table: str
    path: Path
    first: int
    last: int
    rows: int
    sha256: str


def write_range(store: LocalBatchStore, source: str, seqs: range, folder: Path) -> CompactedManifest:
    """Write and verify everything of a range into an empty folder, its manifest last; all of it is synced.

    Raises:
        LandingError: a file differs from its manifest, or the rewritten rows differ from what they replace.
        OSError: the folder cannot be written.
    """
    texts = {seq: _text(store, source, seq) for seq in seqs}
    manifests = [Manifest.model_validate_json(text) for text in texts.values()]
    pieces = list(_pieces(store, manifests))
    for piece in pieces:
        _check_piece(piece)
    files = _write_tables(pieces, folder)
    _write_texts(texts, folder / MANIFESTS)
    _verify(pieces, files, manifests, folder)
    manifest = CompactedManifest(
        source=source,
        replaces=(batch_id(source, seqs[0]), batch_id(source, seqs[-1])),
        first=seqs[0],
        last=seqs[-1],
        rows=sum(file.rows for file in files),
        files=tuple(files),
        manifests_sha256=sync_file(folder / MANIFESTS)[0],
        compacted_at=datetime.now(UTC),
    )
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _text(store: LocalBatchStore, source: str, seq: int) -> str:
    """A batch's manifest, word for word."""
    if found := store.compacted(source, seq):
        return found.text(seq)
    path = store.folder(source, seq) / MANIFEST
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LandingError(
            f"batch {batch_id(source, seq)} is missing between others",
            where=str(path),
            rule="batch numbers have no gaps",
            next_step="restore it from a backup; nothing was compacted",
        ) from error


def _pieces(store: LocalBatchStore, manifests: Iterable[Manifest]) -> Iterator[Piece]:
    """Files in the order of their batches, each once."""
    ranges: set[Path] = set()
    for manifest in manifests:
        found = store.compacted(manifest.source, manifest.seq)
        if found is None:
            folder = store.folder(manifest.source, manifest.seq)
            for t in manifest.tables:
                yield Piece(t.name, folder / t.file, manifest.seq, manifest.seq, t.rows, t.sha256)
        elif found.folder not in ranges:
            ranges.add(found.folder)
            for f in found.manifest.files:
                yield Piece(f.table, found.folder / f.file, f.first, f.last, f.rows, f.sha256)


def _check_piece(piece: Piece) -> None:
    with piece.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != piece.sha256:
        raise LandingError(
            f"the file of table {piece.table} is not what was landed: its hash differs from the manifest's",
            where=str(piece.path),
            rule="raw is immutable",
            next_step="restore the file from a backup; nothing was compacted",
        )


class _TableWriter:
    """Files of one table: a new one whenever its columns change, so that every row keeps its types."""

    def __init__(self, table: str, folder: Path) -> None:
        self.files: list[CompactedFile] = []
        self._table = table
        self._folder = folder
        self._writer: pq.ParquetWriter | None = None
        self._schema: pa.Schema | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._span = (0, 0)
        self._rows = 0

    def add(self, piece: Piece) -> None:
        """Append the rows of a file."""
        with pq.ParquetFile(piece.path) as file:
            schema = _with_seq(file.schema_arrow)
            if self._schema is None or not schema.equals(self._schema) or self._path.stat().st_size > _SPLIT_BYTES:
                self.close()
                self._open(schema, piece.first)
            for batch in file.iter_batches(_ROW_GROUP):
                self._append(_numbered(batch, piece, schema))
        self._span = (self._span[0], piece.last)
        self._rows += piece.rows

    def close(self) -> None:
        """Finish the open file."""
        if self._writer is None:
            return
        self._flush()
        self._writer.close()
        digest, size = sync_file(self._path)
        first, last = self._span
        made = CompactedFile(
            table=self._table, file=self._path.name, first=first, last=last, rows=self._rows, bytes=size, sha256=digest
        )
        self.files.append(made)
        self._writer = self._schema = None

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._table}-{len(self.files)}.parquet"

    def _open(self, schema: pa.Schema, first: int) -> None:
        self._schema, self._span, self._rows = schema, (first, first), 0
        self._writer = parquet_writer(self._path, schema)

    def _append(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._writer is not None and self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=_ROW_GROUP)
        self._waiting, self._waiting_rows = [], 0


def _with_seq(schema: pa.Schema) -> pa.Schema:
    plain = schema.remove_metadata()
    return plain if SEQ in plain.names else plain.append(pa.field(SEQ, pa.int64()))


def _numbered(batch: pa.RecordBatch, piece: Piece, schema: pa.Schema) -> pa.RecordBatch:
    columns = list(batch.columns)
    if len(columns) < len(schema):
        columns.append(pa.repeat(pa.scalar(piece.first, pa.int64()), batch.num_rows))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _write_tables(pieces: Iterable[Piece], folder: Path) -> list[CompactedFile]:
    writers: dict[str, _TableWriter] = {}
    for piece in pieces:
        writers.setdefault(piece.table, _TableWriter(piece.table, folder)).add(piece)
    for writer in writers.values():
        writer.close()
    return [file for writer in writers.values() for file in writer.files]


def _write_texts(texts: dict[int, str], path: Path) -> None:
    """One row group a thousand numbers, so that one is found without reading the others."""
    schema = pa.schema([("seq", pa.int64()), ("manifest", pa.string())])
    groups: dict[int, list[int]] = {}
    for seq in texts:
        groups.setdefault(seq // PER_GROUP, []).append(seq)
    with parquet_writer(path, schema) as writer:
        for seqs in groups.values():
            writer.write_table(pa.table({"seq": seqs, "manifest": [texts[seq] for seq in seqs]}, schema=schema))


def _verify(pieces: list[Piece], files: list[CompactedFile], manifests: list[Manifest], folder: Path) -> None:
    """Read both sides with DuckDB, which wrote neither, and compare every column of every row, batch by batch."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for file in files:
            old = [p for p in pieces if p.table == file.table and file.first <= p.first <= file.last]
            compacted = f"read_parquet({_quoted(folder / file.file)})"
            wanted, found = _old_rows(connection, old), _columns(connection, compacted)
            _require(wanted[0] == found, file, folder, f"columns {wanted[0]} became {found}")
            rows = _digests(connection, compacted, found, SEQ)
            _require(wanted[1] == rows, file, folder, "its rows are not those of the batches")
            counted = _counted(manifests, file)
            wrong = sorted(seq for seq in counted.keys() | rows.keys() if counted.get(seq) != rows.get(seq, (None,))[0])
            _require(not wrong, file, folder, f"batches {wrong[:3]} have other counts than their manifests")


_Digests = dict[int, tuple[int, int, int]]


def _counted(manifests: Iterable[Manifest], file: CompactedFile) -> dict[int, int]:
    """Rows of the batches in a file, as their manifests count them."""
    inside = [manifest for manifest in manifests if file.first <= manifest.seq <= file.last]
    return {m.seq: table.rows for m in inside for table in m.tables if table.name == file.table and table.rows}


def _old_rows(connection: duckdb.DuckDBPyConnection, pieces: list[Piece]) -> tuple[dict[str, str], _Digests]:
    listed = "[" + ", ".join(_quoted(piece.path) for piece in pieces) + "]"
    relation = f"read_parquet({listed})"
    columns = _columns(connection, relation)
    if any(piece.first != piece.last for piece in pieces):
        return columns, _digests(connection, relation, columns, SEQ)
    connection.execute("CREATE OR REPLACE TEMP TABLE piece (seq BIGINT, path VARCHAR)")
    connection.executemany("INSERT INTO piece VALUES (?, ?)", [(p.first, str(p.path)) for p in pieces])
    named = (
        f"(SELECT r.*, p.seq FROM read_parquet({listed}, filename = '_path') AS r JOIN piece AS p ON p.path = _path)"
    )
    return columns, _digests(connection, named, columns, "seq")


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {str(row[0]): str(row[1]) for row in described if row[0] != SEQ}


def _digests(connection: duckdb.DuckDBPyConnection, relation: str, columns: dict[str, str], seq: str) -> _Digests:
    """Rows and sums of their hashes by batch: a row lost, doubled, moved or changed shows."""
    values = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in columns)
    found = connection.execute(
        f"""SELECT seq, count(*), sum(md5_number_upper(row)), sum(md5_number_lower(row))
        FROM (SELECT {seq} AS seq, CAST(to_json([{values}]) AS VARCHAR) AS row FROM {relation}) GROUP BY seq"""
    ).fetchall()
    return {int(number): (int(rows), int(upper), int(lower)) for number, rows, upper, lower in found}


def _require(holds: bool, file: CompactedFile, folder: Path, what: str) -> None:
    if not holds:
        raise LandingError(
            f"table {file.table} was not compacted: {what}",
            where=str(folder / file.file),
            rule="compacted rows are the landed rows, verified one for one",
            next_step="nothing was replaced; report it with this folder",
        )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
