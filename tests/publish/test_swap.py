"""A table with other columns replaces the old one together with all that hung on it."""

from __future__ import annotations

import time
from decimal import Decimal

import psycopg
import pytest
from tests.publish.support import LINES, TOTALS, MartsDatabase, Warehouse, with_columns

from backoffice.errors import PublishError
from backoffice.publish import PublishedColumn, registry

pytestmark = pytest.mark.postgres

WIDER = with_columns(
    LINES,
    PublishedColumn("line_key", "VARCHAR", "Key of the line."),
    PublishedColumn("currency_code", "VARCHAR", "Currency of the amount."),
    PublishedColumn("amount", "DECIMAL(20,6)", "Net amount, more exact."),
    PublishedColumn("note", "VARCHAR", "Free text."),
    indexes=("currency_code",),
)
ROW = {"line_key": "a", "amount": Decimal("1.5"), "note": "n", "currency_code": "DKK"}


@pytest.fixture
def published(warehouse: Warehouse, marts: MartsDatabase) -> MartsDatabase:
    """Published with the first columns; the warehouse now holds the wider table."""
    warehouse.put(LINES, ROW, {**ROW, "line_key": "b"})
    marts.publish(warehouse)
    warehouse.create(WIDER)
    warehouse.build()
    warehouse.put(WIDER, ROW, {**ROW, "line_key": "c"})
    return marts


@pytest.fixture
def team(marts: MartsDatabase) -> str:
    """A role other than the reader."""
    marts.execute("DO $$BEGIN CREATE ROLE team NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$")
    return "team"


def test_the_new_table_is_as_declared(published, warehouse):
    change = published.publish(warehouse, [WIDER, TOTALS])[0]
    assert (change.action, change.rows) == ("rebuilt", 2)
    assert published.rows(WIDER) == warehouse.rows(WIDER)
    indexes = published.query("SELECT indexname FROM pg_indexes WHERE tablename = %s ORDER BY 1", WIDER.name)
    assert indexes == [("fct_sales_order_lines_currency_code_idx",), ("fct_sales_order_lines_pkey",)]
    comments = published.query(
        "SELECT col_description(%s::regclass, n) FROM generate_series(0, 4) n ORDER BY n", WIDER.relation
    )
    assert comments[1:] == [(column.description,) for column in WIDER.columns]
    assert published.query("SELECT count(*) FROM pg_class WHERE relname LIKE '%%\\_\\_next'") == [(0,)]
    warehouse.build()
    warehouse.remove(WIDER, "a")
    assert published.publish(warehouse, [WIDER, TOTALS])[0].action == "difference"
    assert published.rows(WIDER) == warehouse.rows(WIDER)


def test_another_key_is_another_table(published, warehouse):
    by_code = with_columns(WIDER, key="note")
    warehouse.connection.execute(f"UPDATE {WIDER.relation} SET note = line_key")
    assert published.publish(warehouse, [by_code, TOTALS])[0].action == "rebuilt"
    with pytest.raises(psycopg.errors.UniqueViolation):
        published.execute(f"INSERT INTO {WIDER.relation} (line_key, note) VALUES ('z', 'a')")


def test_views_on_it_and_on_them_come_back(published, warehouse, team):
    published.execute(
        "SET ROLE marts_publisher",
        "CREATE VIEW public.notes WITH (security_barrier) AS "
        f"SELECT line_key, upper(note) AS loud FROM {LINES.relation}",
        "CREATE VIEW public.b_on_both AS "
        f"SELECT n.loud, l.amount FROM public.notes n JOIN {LINES.relation} l USING (line_key)",
        "COMMENT ON VIEW public.notes IS 'Loud notes.'",
        "COMMENT ON COLUMN public.notes.loud IS 'Upper case.'",
        f"GRANT SELECT ON public.notes TO {team} WITH GRANT OPTION",
        f"GRANT SELECT (loud) ON public.b_on_both TO {team}",
        "GRANT SELECT ON public.b_on_both TO reader",
    )
    query = """
        SELECT relname, relacl, reloptions, obj_description(oid), col_description(oid, 2), relowner,
            (SELECT array_agg(attacl::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)
        FROM pg_class c WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY 1"""
    before = published.query(query)
    published.publish(warehouse, [WIDER, TOTALS])
    assert published.query(query) == before
    assert published.query("SELECT loud, amount FROM public.b_on_both") == [("N", Decimal("1.500000"))] * 2


def test_a_view_that_breaks_is_named_and_nothing_changes(published, warehouse):
    published.execute(
        "SET ROLE marts_publisher", f"CREATE VIEW public.open_lines AS SELECT * FROM {LINES.relation} WHERE is_open"
    )
    with pytest.raises(PublishError, match=r"view public\.open_lines does not work with the table's new columns"):
        published.publish(warehouse, [WIDER, TOTALS])
    assert published.query("SELECT count(*) FROM public.open_lines", url=published.admin_url) == [(0,)]
    assert [row[0] for row in published.rows(LINES)] == ["a", "b"]
    assert published.current().startswith("000001-")


def test_a_view_of_somebody_else_is_named(published, warehouse, team):
    published.execute(
        "CREATE SCHEMA analysis",
        f"GRANT ALL ON SCHEMA analysis TO {team}",
        f"CREATE VIEW analysis.theirs AS SELECT line_key FROM {LINES.relation}",
        f"ALTER VIEW analysis.theirs OWNER TO {team}",
    )
    with pytest.raises(PublishError, match=r"analysis\.theirs.*belongs to team"):
        published.publish(warehouse, [WIDER, TOTALS])


def test_a_materialized_view_is_named(published, warehouse):
    published.execute(
        "SET ROLE marts_publisher", f"CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM {LINES.relation}"
    )
    with pytest.raises(PublishError, match=r"public\.kept.*no plain view"):
        published.publish(warehouse, [WIDER, TOTALS])


def test_grants_of_the_table_stay_as_they_were(published, warehouse, team):
    published.execute(
        f"REVOKE SELECT ON {LINES.relation} FROM reader",
        f"GRANT SELECT (line_key, note, is_open) ON {LINES.relation} TO reader",
        f"GRANT SELECT ON {LINES.relation} TO {team}",
    )
    published.publish(warehouse, [WIDER, TOTALS])
    assert published.query(f"SELECT line_key, note FROM {LINES.relation} ORDER BY 1") == [("a", "n"), ("c", "n")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        published.query(f"SELECT amount FROM {LINES.relation}")
    assert published.query("SELECT has_table_privilege(%s, %s, 'SELECT')", team, LINES.relation) == [(True,)]


def test_row_policies_stay(published, warehouse):
    published.execute(
        f"ALTER TABLE {LINES.relation} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY partly ON {LINES.relation} FOR SELECT TO reader USING (line_key <> 'c')",
    )
    published.publish(warehouse, [WIDER, TOTALS])
    assert published.query(f"SELECT line_key FROM {LINES.relation}") == [("a",)]


def test_a_policy_that_breaks_stops_the_publication(published, warehouse):
    published.execute(
        f"ALTER TABLE {LINES.relation} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY partly ON {LINES.relation} TO reader USING (is_open)",
    )
    with pytest.raises(PublishError, match=r"marts\.fct_sales_order_lines does not work.*is_open"):
        published.publish(warehouse, [WIDER, TOTALS])


def test_indexes_of_others_stay_while_their_columns_do(published, warehouse):
    published.execute(
        f"CREATE INDEX by_note ON {LINES.relation} (note) WHERE note IS NOT NULL",
        f"CREATE INDEX by_open ON {LINES.relation} (is_open)",
    )
    published.publish(warehouse, [WIDER, TOTALS])
    found = published.query("SELECT indexname FROM pg_indexes WHERE tablename = %s ORDER BY 1", LINES.name)
    assert [name for (name,) in found if name.startswith("by_")] == ["by_note"]


def test_something_other_than_a_view_stops_the_publication(published, warehouse):
    published.execute(
        f"CREATE TABLE public.remarks (line_key text REFERENCES {LINES.relation}, remark text)",
    )
    with pytest.raises(PublishError, match="something other than a view depends on it"):
        published.publish(warehouse, [WIDER, TOTALS])


def test_what_administrators_hung_on_the_table_stays(published, warehouse):
    """Each is asked of the catalogue before and after; what was switched off stays so."""
    published.execute(
        "CREATE TABLE public.seen (n int)",
        "CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        f"CREATE TRIGGER each AFTER INSERT ON {LINES.relation} FOR EACH ROW EXECUTE FUNCTION public.noted()",
        f"CREATE TRIGGER off AFTER DELETE ON {LINES.relation} EXECUTE FUNCTION public.noted()",
        f"ALTER TABLE {LINES.relation} DISABLE TRIGGER off",
        f"ALTER TABLE {LINES.relation} ADD CONSTRAINT positive CHECK (amount > 0)",
        f"ALTER TABLE {LINES.relation} ADD CONSTRAINT one_note UNIQUE (line_key, note)",
        f"ALTER TABLE {LINES.relation} ALTER COLUMN note SET NOT NULL",
        f"ALTER TABLE {LINES.relation} SET (fillfactor = 70)",
        f"ALTER TABLE {LINES.relation} REPLICA IDENTITY FULL",
        f"CREATE STATISTICS public.together ON line_key, note FROM {LINES.relation}",
        f"CREATE PUBLICATION downstream FOR TABLE {LINES.relation} (line_key, note) WHERE (note <> 'x')",
        "ALTER PUBLICATION downstream OWNER TO marts_publisher",
    )
    queries = (
        """SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger
           WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY 1""",
        """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE conrelid = %s::regclass AND NOT (contype = 'n' AND conkey = '{1}') ORDER BY 1""",
        "SELECT reloptions, relreplident FROM pg_class WHERE oid = %s::regclass",
        "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = %s::regclass",
        """SELECT pubname, attnames, rowfilter FROM pg_publication_tables
           WHERE format('%%I.%%I', schemaname, tablename)::regclass = %s::regclass""",
    )
    before = [published.query(query, LINES.relation, url=published.admin_url) for query in queries]
    assert all(before)
    try:
        assert published.publish(warehouse, [WIDER, TOTALS])[0].action == "rebuilt"
        assert [published.query(query, LINES.relation, url=published.admin_url) for query in queries] == before
    finally:
        published.execute("DROP PUBLICATION downstream")


@pytest.mark.parametrize("kind", ["trigger", "rule"])
def test_what_could_change_published_rows_is_refused(published, warehouse, kind):
    published.execute(
        "CREATE OR REPLACE FUNCTION public.halved() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN NEW.amount := NEW.amount / 2; RETURN NEW; END'",
        f"CREATE TRIGGER changer BEFORE INSERT ON {LINES.relation} FOR EACH ROW EXECUTE FUNCTION public.halved()"
        if kind == "trigger"
        else f"CREATE RULE changer AS ON DELETE TO {LINES.relation} DO INSTEAD NOTHING",
    )
    with pytest.raises(PublishError, match=f"{kind} changer can change the rows"):
        published.publish(warehouse, [WIDER, TOTALS])
    assert published.current().startswith("000001-")


def test_a_forced_row_policy_is_named_unless_the_publisher_is_above_it(published, warehouse):
    published.execute(
        f"ALTER TABLE {TOTALS.relation} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {TOTALS.relation} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY partly ON {TOTALS.relation} FOR SELECT TO reader USING (true)",
    )
    with pytest.raises(PublishError, match=r"row-level security policy for table \"mart_sales_by_day\"[^$]*BYPASSRLS"):
        published.publish(warehouse, [WIDER, TOTALS])
    assert published.current().startswith("000001-")
    try:
        published.execute("ALTER ROLE marts_publisher BYPASSRLS")
        published.publish(warehouse, [WIDER, TOTALS])
    finally:
        published.execute("ALTER ROLE marts_publisher NOBYPASSRLS")
    assert published.current() == warehouse.now.version


def test_a_foreign_key_onto_rows_that_go_is_named(published, warehouse):
    published.publish(warehouse, [WIDER, TOTALS])
    published.execute(
        f"CREATE TABLE public.remarks (line_key text CONSTRAINT onto_lines REFERENCES {LINES.relation})",
        "INSERT INTO public.remarks VALUES ('a')",
    )
    warehouse.build()
    warehouse.remove(WIDER, "a")
    with pytest.raises(PublishError, match=r"onto_lines[^$]*drop that foreign key"):
        published.publish(warehouse, [WIDER, TOTALS])


def test_settings_of_the_publishers_role_do_not_matter(published, warehouse, monkeypatch):
    record = registry.record
    monkeypatch.setattr(registry, "record", lambda *values: [time.sleep(0.5), record(*values)])
    settings = {
        "statement_timeout": "200ms",
        "idle_in_transaction_session_timeout": "200ms",
        "transaction_timeout": "200ms",
        "default_transaction_isolation": "serializable",
        "default_transaction_read_only": "on",
    }
    try:
        published.execute(*(f"ALTER ROLE marts_publisher SET {name} = '{value}'" for name, value in settings.items()))
        published.publish(warehouse, [WIDER, TOTALS])
    finally:
        published.execute("ALTER ROLE marts_publisher RESET ALL")
    assert published.current() == warehouse.now.version


def test_a_second_publisher_is_named(published, warehouse, monkeypatch):
    monkeypatch.setattr(registry, "LOCK_SECONDS", 0.1)
    with psycopg.connect(published.publisher_url) as other:
        registry.lock(other)
        with pytest.raises(
            PublishError, match=rf"another publisher.*session {other.info.backend_pid} of marts_publisher"
        ):
            published.publish(warehouse, [WIDER, TOTALS])
