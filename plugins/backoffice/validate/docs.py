"""Great Expectations' Data Docs on demand: every rule of every table, what it saw in the newest rows, what broke it.

In: landed batches, read into a database of its own, so the warehouse may be held. Out: a static site below
``<home>/docs``. GX judges and renders; only the frame of the pages is ours (``templates/``), because GX's fetches
styles and scripts from the internet.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from backoffice.contracts import load_contracts
from backoffice.errors import ValidationError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import MappedTable, mapped_tables, raw_name, row_select, usable_sources
from backoffice.validate.checker import ROW, open_context
from backoffice.validate.duckdb_adapter import great_expectations
from backoffice.validate.suite_files import load_suite
from backoffice.validate.suites import suite_for
from backoffice.warehouse.raw import create_raw_tables, insert_batches

_TEMPLATES = Path(__file__).with_name("templates")
NEWEST_ROWS = 100_000
"""How many rows of a source are looked at, from the newest batch back."""


def docs_path(settings: Settings) -> Path:
    """Where the site is."""
    return settings.home / "docs"


def build_docs(settings: Settings, source: str | None = None, rows: int = NEWEST_ROWS) -> Path:
    """Judge the newest landed rows anew and write the site; returns its first page.

    Args:
        settings: folders.
        source: only this source; all when not given.
        rows: how many rows of each source, at least one batch.

    Raises:
        ValidationError: there is no such source, nothing of it has landed, or an expectation cannot be judged.
    """
    contracts = load_contracts(settings.contracts_dir)
    sources, _ = usable_sources(settings.sources_dir, contracts)
    wanted = {name: config for name, config in sources.items() if source in (None, name)}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS pages; USE pages; CREATE SCHEMA raw")
        landed = [name for name, config in wanted.items() if _load(connection, settings, config, rows)]
        if not landed:
            raise ValidationError(
                f"nothing of {source} has landed" if source else "nothing has landed",
                where=str(settings.landing_dir),
                next_step=f"sources are {', '.join(sources) or 'none yet'}",
            )
        mapped = mapped_tables({name: wanted[name] for name in landed}, contracts)
        return _build(connection, settings, mapped)


def _load(connection: duckdb.DuckDBPyConnection, settings: Settings, config: SourceConfig, rows: int) -> bool:
    store = LocalBatchStore(settings.landing_dir)
    manifests = list(_newest(store, config.source, rows))[::-1]
    create_raw_tables(connection, [config])
    for read in config.reads:
        if relation := store.relation(manifests, read):
            insert_batches(connection, config, read, relation, image=None, generation=1)
    return bool(manifests)


def _newest(store: LocalBatchStore, source: str, rows: int) -> Iterator[Manifest]:
    last = store.last(source)
    seen = 0
    for seq in range(last.seq if last else 0, 0, -1):
        manifest = store.manifest(source, seq)
        if manifest is None or (seen and seen + manifest.rows > rows):
            return
        seen += manifest.rows
        yield manifest


def _build(connection: duckdb.DuckDBPyConnection, settings: Settings, mapped: list[MappedTable]) -> Path:
    folder = docs_path(settings)
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    with open_context(connection, "pages") as (context, datasource):
        site = _Site(connection, settings, context, datasource, building)
        pages = [site.page(item) for item in mapped]
    _render("index.j2", building / "index.html", {"pages": pages, "built_at": datetime.now(UTC)})
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)
    return folder / "index.html"


@dataclass(frozen=True, slots=True)
class _Site:
    connection: duckdb.DuckDBPyConnection
    settings: Settings
    context: Any
    datasource: Any
    folder: Path

    def page(self, item: MappedTable) -> dict[str, Any]:
        """Write the page of a table; returns its line on the first page."""
        from great_expectations.render.renderer import ValidationResultsPageRenderer

        view, name = f"{item.config.source}__{item.table.name}", f"{item.config.source}.{item.table.name}"
        result = self._validate(item, view)
        document = ValidationResultsPageRenderer(run_info_at_end=True).render(result).to_json_dict()
        _render("page.j2", self.folder / f"{name}.html", document | {"heading": name})
        rows = self.connection.execute(f"SELECT count(*) FROM {view}").fetchone()
        return {
            "source": item.config.source,
            "table": item.table.name,
            "file": f"{name}.html",
            "rows": rows[0] if rows else 0,
            "rules": result.statistics["evaluated_expectations"],
            "broken": result.statistics["unsuccessful_expectations"],
        }

    def _validate(self, item: MappedTable, view: str) -> Any:
        """GX's own result for a table's newest rows."""
        gx = great_expectations()
        suite = suite_for(load_suite(item.table, self.settings.expectations_dir), item)
        raw = f"(SELECT * FROM raw.{raw_name(item.config.source, item.mapping.driver)} WHERE _op NOT IN ('d', 't'))"
        self.connection.execute(f"CREATE VIEW {view} AS {row_select(item, raw)}")
        rules = gx.ExpectationSuite(name=view, expectations=[dict(rule) for rule in suite.expectations])
        asset = self.datasource.add_query_asset(view, query=f"SELECT * FROM {view}")
        newest = asset.add_batch_definition("newest rows")
        definition = self.context.validation_definitions.add(
            gx.ValidationDefinition(name=view, data=newest, suite=self.context.suites.add(rules))
        )
        shown = {"result_format": "SUMMARY", "unexpected_index_column_names": list(ROW), "partial_unexpected_count": 20}
        return definition.run(result_format=shown)


def _render(template: str, path: Path, document: dict[str, Any]) -> None:
    """GX's own parts of a page in a frame of ours, which fetches nothing."""
    from great_expectations.render.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, FileSystemLoader

    view = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), view.env.loader])
    path.write_text(view.env.get_template(template).render(document), encoding="utf-8")
