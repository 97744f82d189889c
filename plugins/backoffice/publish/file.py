"""Publishing the DuckDB file: every version a file of its own, the newest also under the stable name ``marts.duckdb``.

The stable name is a relative symbolic link. DuckDB resolves it when it opens: a program that still holds the version
before and connects again gets the new one, where a hard link gives it the old one, by name, from DuckDB's own cache.
Whoever cannot follow links (a web server, an object store) finds the file's name in ``manifest.json``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from backoffice.durable import point, sync_file, sync_folder, write_text
from backoffice.errors import PublishError
from backoffice.publish.model import PublishedModel
from backoffice.publish.versions import FileManifest, VersionFile, file_name, prune
from backoffice.settings import Settings

STABLE = "marts.duckdb"
MANIFEST = "manifest.json"
_BUILDING = ".building"
_READ_ONLY = 0o444  # opened for writing by mistake, a published file would change under its other readers
_ALIAS = "publication_file"
_FILE_SHARE = 0.05


def publish_file(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[PublishedModel],
    settings: Settings,
    *,
    version: str,
    generation: int,
    as_of: datetime,
) -> Path:
    """Publish the warehouse's tables as ``marts-<version>.duckdb`` and move the stable name and the manifest to it.

    Files nobody needs any more (:func:`backoffice.publish.versions.retained`) and what killed builds left are removed.

    Args:
        connection: the warehouse, in no transaction.
        models: what is published; columns they do not declare are absent from the file.
        settings: says where and how long files are kept.
        version: version id.
        generation: the audited generation the warehouse holds.
        as_of: instant the marts were built for.

    Raises:
        PublishError: DuckDB could not write the file; the stable name still leads to the one before.
    """
    try:
        return _publish(connection, models, settings, (version, generation, as_of, datetime.now(UTC)))
    except (duckdb.Error, OSError) as error:
        raise PublishError(
            f"the marts could not be written to a file: {error}",
            where=str(settings.marts_dir / file_name(version)),
            next_step="readers still have the file before; look for space on the disk",
        ) from error


def _publish(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[PublishedModel],
    settings: Settings,
    publication: tuple[str, int, datetime, datetime],
) -> Path:
    version, generation, as_of, published_at = publication
    folder = settings.marts_dir
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    final = folder / file_name(version)
    building = folder / f".{final.name}{_BUILDING}"
    started = time.monotonic()
    rows = _copy(connection, models, building)
    _describe(building, models, publication)
    digest, size = sync_file(building)
    building.chmod(_READ_ONLY)
    os.replace(building, final)
    sync_folder(folder)
    described = VersionFile(
        version=version,
        generation=generation,
        as_of=as_of,
        published_at=published_at,
        file=final.name,
        sha256=digest,
        bytes=size,
        rows=rows,
        models=tuple(models),
        write_seconds=round(time.monotonic() - started, 3),
    )
    write_text(final.with_suffix(".json"), described.model_dump_json(indent=2))
    _show(folder, described)
    prune(settings, final.name)
    return final


def move_to(settings: Settings, version: VersionFile) -> None:
    """Move the stable name and the manifest to an earlier version's file.

    Its time becomes now: it is kept from the moment readers are led away from it again.

    Raises:
        PublishError: the folder cannot be written.
    """
    try:
        os.utime(settings.marts_dir / version.file)
        _show(settings.marts_dir, version)
    except OSError as error:
        raise PublishError(
            f"the stable name of the marts could not be moved: {error}",
            where=str(settings.marts_dir / STABLE),
            next_step="look for space on the disk and rights on the folder; the next refresh finishes it",
        ) from error


def current_file(settings: Settings) -> FileManifest | None:
    """The newest file's manifest; None when there is none, or its file is gone."""
    try:
        manifest = FileManifest.model_validate_json((settings.marts_dir / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # both are healed by the next file
        return None
    return manifest if (settings.marts_dir / manifest.file).exists() else None


def file_cadence(settings: Settings, manifest: FileManifest | None) -> float:
    """Seconds from one file to the next: ``marts_file_seconds``, more when a file takes long to write.

    The whole file is written while the other channels wait, so it gets a twentieth of the time at most.
    """
    if not settings.marts_file_seconds or manifest is None:
        return settings.marts_file_seconds
    return max(settings.marts_file_seconds, manifest.write_seconds / _FILE_SHARE)


def file_due(settings: Settings, generation: int) -> bool:
    """Whether a generation should get a file: the newest is another's and older than :func:`file_cadence`."""
    manifest = current_file(settings)
    if manifest is None:
        return True
    age = (datetime.now(UTC) - manifest.published_at).total_seconds()
    # younger than nothing: the clock was set back since
    return manifest.generation != generation and not 0 <= age < file_cadence(settings, manifest)


def _show(folder: Path, version: VersionFile) -> None:
    point(folder / STABLE, folder / version.file)
    write_text(folder / MANIFEST, version.manifest.model_dump_json(indent=2))


def _copy(connection: duckdb.DuckDBPyConnection, models: Sequence[PublishedModel], path: Path) -> dict[str, int]:
    literal = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{literal}' AS {_ALIAS}")
    try:
        for schema in sorted({"marts", *(model.schema for model in models)}):
            connection.execute(f"CREATE SCHEMA {_ALIAS}.{schema}")
        rows = {model.name: _copy_table(connection, model) for model in models}
        connection.execute(f"CHECKPOINT {_ALIAS}")
    finally:
        connection.execute(f"DETACH {_ALIAS}")
    return rows


def _copy_table(connection: duckdb.DuckDBPyConnection, model: PublishedModel) -> int:
    columns = ", ".join(f'"{name}"' for name in model.column_names)
    row = connection.execute(
        f"CREATE TABLE {_ALIAS}.{model.relation} AS SELECT {columns} FROM {model.relation}"
    ).fetchone()
    return int(row[0]) if row else 0


def _describe(path: Path, models: Sequence[PublishedModel], publication: tuple[str, int, datetime, datetime]) -> None:
    """Comments and the version, under the names PostgreSQL has them; written from inside the file.

    A view made through the alias of an attached file would name the alias for ever.
    """
    with duckdb.connect(str(path)) as file:
        for model in models:
            file.execute(f"COMMENT ON TABLE {model.relation} IS {_quoted(model.description)}")
            for column in model.columns:
                file.execute(f'COMMENT ON COLUMN {model.relation}."{column.name}" IS {_quoted(column.description)}')
        file.execute("""
            CREATE TABLE marts.publication (
                version VARCHAR, generation BIGINT, as_of TIMESTAMPTZ, published_at TIMESTAMPTZ, is_current BOOLEAN);
            CREATE VIEW marts.current_version AS
                SELECT version, generation, as_of, published_at FROM marts.publication WHERE is_current""")
        file.execute("INSERT INTO marts.publication VALUES (?, ?, ?, ?, true)", list(publication))
        file.execute("CHECKPOINT")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(f".marts-*{_BUILDING}*"):  # and its .wal
        path.unlink()
