"""The five tables of the status, the same in ``status.duckdb`` and in PostgreSQL's schema ``ops``."""

from __future__ import annotations

from backoffice.publish.model import PublishedColumn, PublishedModel

SCHEMA = "ops"


def _table(name: str, key: str, description: str, columns: tuple[tuple[str, str, str], ...]) -> PublishedModel:
    return PublishedModel(
        name, SCHEMA, key, tuple(PublishedColumn(*column) for column in columns), description, "whole"
    )


STATUS = _table(
    "status",
    "checked_at",
    "One row: the version readers see, and why it is not a newer one. Rewritten every cycle.",
    (
        (
            "state",
            "VARCHAR",
            "published, withheld (the version before stays), held (rolled back) or starting.",
        ),
        ("reason", "VARCHAR", "Why readers do not see the newest build; empty when they do."),
        ("checked_at", "TIMESTAMPTZ", "When this was written; far in the past means that the platform stands still."),
        ("version", "VARCHAR", "Version of the marts in PostgreSQL."),
        ("generation", "BIGINT", "The build it was made by."),
        ("as_of", "TIMESTAMPTZ", "Instant the marts were built for."),
        ("published_at", "TIMESTAMPTZ", "When readers first saw the version."),
        ("file_version", "VARCHAR", "Version of the DuckDB file, which has its own cadence."),
        ("rolled_back_from", "VARCHAR", "Version a rollback took away; null unless publishing is held."),
        ("hold_actor", "VARCHAR", "Who rolled back."),
        ("hold_reason", "VARCHAR", "And why."),
        ("held_since", "TIMESTAMPTZ", "Nothing was published since."),
        ("postgres_error", "VARCHAR", "Why PostgreSQL could not be written this cycle; null when it was."),
    ),
)

SOURCES = _table(
    "source_status",
    "source",
    "One row a source system: how fresh it is, and where its rows are (landed = accepted + quarantined + waiting).",
    (
        ("source", "VARCHAR", "Name of the source."),
        ("source_relation", "VARCHAR", "Name its rows carry in the marts."),
        ("last_event_at", "TIMESTAMPTZ", "Newest change at the source that was landed."),
        ("last_landed_at", "TIMESTAMPTZ", "When its newest batch was landed."),
        ("landed_rows", "BIGINT", "Rows landed, over all time."),
        ("accepted_rows", "BIGINT", "Rows in the marts' base tables, over all time."),
        ("quarantined_rows", "BIGINT", "Rows kept out by a broken rule."),
        ("waiting_rows", "BIGINT", "Rows whose parent has not arrived."),
        (
            "freshness_minutes",
            "INTEGER",
            "Late when nothing landed and nobody looked for longer.",
        ),
        ("is_late", "BOOLEAN", "Whether it is."),
        ("published_seq", "BIGINT", "Number of its newest batch in the version readers see; 0 before the first."),
    ),
)

MODELS = _table(
    "model_status",
    "model",
    "One row a published model: what the newest publication did to it in PostgreSQL.",
    (
        ("model", "VARCHAR", "Name of the table."),
        ("inserted", "BIGINT", "Rows inserted."),
        ("updated", "BIGINT", "Rows changed."),
        ("deleted", "BIGINT", "Rows deleted."),
        ("rows", "BIGINT", "Rows after it."),
        ("action", "VARCHAR", "difference, compared, created, rebuilt, unchanged, dropped, left or parked."),
        ("note", "VARCHAR", "Why a table that no model makes any more was left; else empty."),
    ),
)

GENERATIONS = _table(
    "generation_status",
    "generation",
    "One row for each of the newest builds: whether readers got it, and why not.",
    (
        ("generation", "BIGINT", "Number of the build."),
        ("version", "VARCHAR", "Its version; null until it is published or held."),
        ("as_of", "TIMESTAMPTZ", "Instant it was built for."),
        ("state", "VARCHAR", "published, held (by a rollback), withheld (by its audit) or unfinished."),
        ("reason", "VARCHAR", "Checks of the audit that withheld it; else empty."),
        ("published_at", "TIMESTAMPTZ", "When readers first saw it."),
    ),
)

INVARIANTS = _table(
    "invariant_status",
    "test",
    "One row for each invariant: whether it held when it was judged last.",
    (
        ("test", "VARCHAR", "Name of the test; rows that break it are quarantined under this name."),
        ("invariant", "VARCHAR", "Number of the invariant."),
        ("says", "VARCHAR", "What holds."),
        ("contracts", "VARCHAR", "Contracts it compares."),
        ("source_relations", "VARCHAR", "Source instances that map something of each of them; empty: nowhere."),
        ("state", "VARCHAR", "holds, broken, not judged yet, or not applicable where no source has what it compares."),
        ("reason", "VARCHAR", "What each source instance lacks of them where it is not applicable; else empty."),
        ("broken_rows", "BIGINT", "Rows or totals that broke it then; what could be named was quarantined."),
        ("generation", "BIGINT", "Build in which it was judged last; only what touches it is judged again."),
        ("judged_at", "TIMESTAMPTZ", "When that was."),
    ),
)

TABLES = (STATUS, SOURCES, MODELS, GENERATIONS, INVARIANTS)
