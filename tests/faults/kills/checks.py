"""What must hold whatever was killed: at the instant after it, and once the platform has recovered.

At once: readers of PostgreSQL and of the DuckDB file see one complete version, an earlier or the new one, and every
landed batch is whole. After recovery: landing holds the source, each row once; raw holds landing; the marts are the
source's rows; every channel shows one version; the books balance and nothing is left over.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from tests.faults.kills.stages import DATABASE, FILES
from tests.faults.kills.world import World

from backoffice.addresses import READER, marts_url
from backoffice.contracts import load_contracts
from backoffice.extensions import POSTGRES_SCANNER, extension_path
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.publish.compare import mart_hashes
from backoffice.warehouse import meta

_NEWEST = 4

Seen = tuple[str, dict[str, str]] | None
"""A version and the hash of each mart; None before the first publication."""


# what readers see


class Readers:
    """Looks at what is published, and remembers what each version was: it is the same for everybody, for ever."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, dict[str, str]] = {}

    def look(self) -> tuple[Seen, Seen]:
        """What PostgreSQL and the file show; fails on a version that is not what it was, or does not add up."""
        seen = self.postgres(), self.file()
        for found in seen:
            if found is not None:
                version, hashes = found
                assert self._known.setdefault(version, hashes) == hashes, f"two states of version {version}"
        return seen

    def postgres(self) -> Seen:
        """Version and marts in one snapshot."""
        with duckdb.connect() as connection:
            connection.execute(f"LOAD '{extension_path(POSTGRES_SCANNER)}'")
            connection.execute(f"ATTACH '{self._world.settings.marts_url}' AS pg (TYPE postgres, READ_ONLY)")
            connection.execute("BEGIN")
            if not _exists(connection, "pg", "publication"):
                return None
            versions = connection.execute("SELECT version FROM pg.marts.publication WHERE is_current").fetchall()
            assert len(versions) == 1, f"PostgreSQL shows {versions}"
            _adds_up(connection, "pg.marts")
            recorded = connection.execute("SELECT table_name, rows FROM pg.marts.publication_table").fetchall()
            for name, rows in recorded:
                assert _count(connection, f"pg.marts.{name}") == rows, f"{name} is not what was published"
            return versions[0][0], mart_hashes(connection, self._world.zygote.models, database="pg")

    def file(self) -> Seen:
        """Version and marts of ``marts.duckdb``."""
        path = self._world.settings.marts_dir / "marts.duckdb"
        if not path.exists():
            assert not path.is_symlink(), "marts.duckdb leads nowhere"
            return None
        with duckdb.connect(str(path.resolve()), read_only=True) as connection:
            version = connection.execute("SELECT version FROM marts.current_version").fetchone()
            assert version is not None
            _adds_up(connection, "marts")
            return version[0], mart_hashes(connection, self._world.zygote.models)

    def warehouse(self) -> Seen:
        """What was built last."""
        with duckdb.connect(str(self._world.settings.warehouse_path), read_only=True) as connection:
            row = connection.execute(
                "SELECT version FROM meta.generation WHERE generation = ?", [meta.published_generation(connection)]
            ).fetchone()
            assert row is not None
            return row[0], mart_hashes(connection, self._world.zygote.models)


def _exists(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> bool:
    query = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'marts' AND table_name = ?"
    return connection.execute(query, [database, table]).fetchone() is not None


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def _adds_up(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    """The monthly mart is the sum of the lines, and every line has its customer: both would show a mixed state."""
    lines, months = (
        connection.execute(f"SELECT coalesce(sum(net_amount), 0) FROM {schema}.{name} {where}").fetchone()
        for name, where in (
            ("fct_sales_order_lines", "WHERE NOT is_cancelled"),
            ("mart_sales_by_month_customer_employee", ""),
        )
    )
    assert lines == months, f"lines sum to {lines}, months to {months}"
    strangers = connection.execute(
        f"""SELECT count(*) FROM {schema}.fct_sales_order_lines AS l
        ANTI JOIN {schema}.dim_customer AS c ON c.customer_key = l.customer_key"""
    ).fetchone()
    assert strangers == (0,), f"{strangers} lines without their customer"


# landing


def landed_whole(world: World) -> None:
    """Numbered without a gap, and the newest, which a kill could have hurt, are what their manifests say."""
    store = LocalBatchStore(world.settings.landing_dir)
    for source in store.sources():
        manifests = list(store.batches(source))
        last = store.last(source)
        assert (last.seq if last else 0) == len(manifests), f"a gap in the batches of {source}"
        for manifest in manifests[-_NEWEST:]:
            _is_whole(store, manifest)


def _is_whole(store: LocalBatchStore, manifest: Manifest) -> None:
    for table in manifest.tables:
        with duckdb.connect() as connection:
            rows = _count(connection, store.relation([manifest], table.name))
        assert rows == table.rows, f"{manifest.batch_id} holds {rows} rows of {table.name}, {table.rows} were landed"
        path = Path(store.uri(manifest, table.name))
        if store.compacted(manifest.source, manifest.seq) is None:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == table.sha256, f"{path} is not what was landed"


def landed_once(world: World) -> None:
    """Identities and event ids are unique in each source."""
    store = LocalBatchStore(world.settings.landing_dir)
    for source in store.sources():
        if source.startswith("_") or store.last(source) is None:
            continue
        with _landing(world, source) as connection:
            row = connection.execute(
                "SELECT count(*), count(DISTINCT (_batch_id, _row_no)), count(DISTINCT _event_id) FROM rows"
            ).fetchone()
        assert row is not None and row[0] == row[1] == row[2], f"{source} landed (rows, identities, events): {row}"


def landing_is_source(world: World) -> None:
    """The newest landed version of every key is the source's row, column by column."""
    with _landing(world, DATABASE) as connection, world.source() as source:
        for table in load_contracts(world.settings.contracts_dir):
            columns = ", ".join(column.name for column in table.columns)
            keys = ", ".join(column.name for column in table.primary_key)
            ours = connection.execute(
                f"""SELECT {columns} FROM {table.name}
                QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _batch_id DESC, _row_no DESC) = 1
                    AND _op <> 'd'"""
            ).fetchall()
            theirs = source.execute(f"SELECT {columns} FROM {table.name}").fetchall()
            _same(f"landing of {table.name}", ours, theirs)
    with _landing(world, FILES) as connection:
        ours = connection.execute(
            """SELECT id, name, region FROM people
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY _batch_id DESC, _row_no DESC) = 1"""
        ).fetchall()
    _same("landing of people", ours, [(key, *values) for key, values in world.people.items()])


def _landing(world: World, source: str) -> duckdb.DuckDBPyConnection:
    """A view a table over all landed rows, and ``rows`` over the envelopes of all."""
    store = LocalBatchStore(world.settings.landing_dir)
    manifests = list(store.batches(source))
    names = sorted({table.name for manifest in manifests for table in manifest.tables})
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in names:
        connection.execute(f"CREATE VIEW {name} AS FROM {store.relation(manifests, name)}")
    parts = " UNION ALL ".join(f"SELECT _batch_id, _row_no, _event_id FROM {name}" for name in names)
    connection.execute(f"CREATE VIEW rows AS {parts}")
    return connection


# after recovery


def recovered(world: World, readers: Readers) -> None:
    """Everything that must hold once a whole cycle has run."""
    landed_whole(world)
    landed_once(world)
    landing_is_source(world)
    postgres, file = readers.look()
    assert postgres == file == readers.warehouse() != None, "channels differ"  # noqa: E711
    _status_agrees(world, postgres[0])
    _raw_is_landing(world)
    _marts_are_source(world)
    _books_balance(world)
    _nothing_left(world)


def _status_agrees(world: World, version: str) -> None:
    folder = world.settings.status_dir
    told = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(folder / "status.duckdb"), read_only=True) as file:
        in_file = file.execute("SELECT state, version, file_version FROM status").fetchall()
    in_postgres = _marts(world, "SELECT state, version, file_version FROM ops.status")
    wanted = [("published", version, version)]
    assert [(told["state"], told["version"], told["file_version"])] == in_file == in_postgres == wanted


def _raw_is_landing(world: World) -> None:
    tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw' AND starts_with(table_name, ?)"
    with duckdb.connect(str(world.settings.warehouse_path), read_only=True) as warehouse:
        for source in (DATABASE, FILES):
            loaded: Counter[tuple[Any, ...]] = Counter()
            for (name,) in warehouse.execute(tables, [f"{source}__"]).fetchall():
                query = f"SELECT _batch_id, _row_no FROM raw.{name} WHERE NOT _derived"
                loaded.update(warehouse.execute(query).fetchall())
            with _landing(world, source) as landing:
                landed = Counter(landing.execute("SELECT _batch_id, _row_no FROM rows").fetchall())
            assert loaded == landed, f"raw rows of {source} are not those landed, once each"


def _marts_are_source(world: World) -> None:
    bad = "NOT LIKE 'BAD%'"
    pairs = (
        (
            """SELECT order_line_id, order_id, customer_id, product_id, ordered_qty, net_amount
            FROM marts.fct_sales_order_lines WHERE source_relation = 'mini'""",
            """SELECT l.order_line_id, l.order_id, o.customer_id, l.product_id, l.ordered_qty, l.net_amount
            FROM sales_order_line AS l JOIN sales_order AS o USING (order_id)""",
        ),
        (
            """SELECT customer_id, customer_name, region, status FROM marts.dim_customer
            WHERE source_relation = 'mini' AND is_current AND NOT is_deleted""",
            "SELECT customer_id, name, region, status FROM customer",
        ),
        (
            """SELECT product_id, product_name, status FROM marts.dim_product
            WHERE source_relation = 'mini' AND is_current AND NOT is_deleted""",
            f"SELECT product_id, name, status FROM product WHERE product_id {bad}",
        ),
    )
    for ours, theirs in pairs:
        with world.source() as source:
            _same(ours, _marts(world, ours), source.execute(theirs).fetchall())
    people = _marts(
        world,
        """SELECT customer_id, customer_name, region FROM marts.dim_customer
        WHERE source_relation = 'desk' AND is_current AND NOT is_deleted""",
    )
    _same("people", people, [(key, *values) for key, values in world.people.items()])


def _books_balance(world: World) -> None:
    books = _marts(
        world,
        """SELECT table_name, landed_rows - accepted_rows - quarantined_rows - waiting_rows, quarantined_rows,
            waiting_rows
        FROM marts.mart_data_freshness""",
    )
    with world.source() as source:
        bad = source.execute("SELECT count(*) FROM product WHERE product_id LIKE 'BAD%'").fetchone()
    assert bad is not None
    wanted = {name: (0, bad[0] if name == "product" else 0, 0) for name, *_ in books}
    assert {name: tuple(rest) for name, *rest in books} == wanted


def _nothing_left(world: World) -> None:
    """What a kill leaves is gone once its place was used again; a source's newest batch has not been followed yet."""
    home = world.settings.home
    store = LocalBatchStore(world.settings.landing_dir)
    newest = [store.folder(last.source, last.seq) for source in store.sources() if (last := store.last(source))]
    endings = (".tmp", ".building", ".building.wal", ".link")
    left = [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.name.endswith(endings) and path.parent not in newest and not path.is_relative_to(home / "dbt")
    ]
    assert not left, f"left over: {left}"
    batches = {path.parent for path in (home / "landing").glob("*/*/*/*.parquet")}
    empty = [folder for folder in batches if not (folder / "manifest.json").exists()]
    assert not empty, f"batches without a manifest: {empty}"


def _marts(world: World, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(marts_url(world.settings, READER)) as connection:
        return connection.execute(query).fetchall()


def _same(what: str, ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> None:
    left, right = (Counter(tuple(map(_plain, row)) for row in rows) for rows in (ours, theirs))
    surplus, missing = list((left - right).elements()), list((right - left).elements())
    assert left == right, f"{what}\nsurplus: {surplus[:5]}\nmissing: {missing[:5]}"


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
