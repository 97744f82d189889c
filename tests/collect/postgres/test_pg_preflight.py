"""What is refused before anything is created at the source, and how it is said."""

from __future__ import annotations

import pytest
from tests.collect.postgres.replay import Running, wait_for

from backoffice.errors import CollectError, PreflightError, SourceLockedError

pytestmark = pytest.mark.postgres


@pytest.fixture
def one(source):
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)")
    return source.read("item", {"id": "INTEGER", "name": "VARCHAR"})


def refused(source, *, url: str = "") -> PreflightError:
    source.url = url or source.url
    with pytest.raises(PreflightError) as caught:
        source.catch_up()
    assert source.batches() == []
    assert source.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
    return caught.value


def test_a_table_without_a_key_names_the_remedy(one):
    one.execute("ALTER TABLE item DROP CONSTRAINT item_pkey")
    error = refused(one)
    assert "public.item" in error.next_step or "item" in error.next_step
    assert "ADD PRIMARY KEY (id)" in error.next_step and "REPLICA IDENTITY FULL" in error.next_step
    assert "every UPDATE and DELETE of it would fail" in error.what
    one.execute("ALTER TABLE item REPLICA IDENTITY FULL", "INSERT INTO item VALUES (1, 'a'), (1, 'a')")
    assert one.catch_up()[0].rows == 2


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE item REPLICA IDENTITY NOTHING", "has no key"),
        ("ALTER TABLE item RENAME name TO title", "has no column name"),
        ("ALTER TABLE item ADD _op text", "a column named _op"),
        ("ALTER TABLE item RENAME TO thing", "does not exist"),
        ("ALTER TABLE item SET UNLOGGED", "an unlogged table"),
        ("ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (name)", "the key of public.item is (name)"),
        ("CREATE TABLE child () INHERITS (item)", "inherit"),
    ],
)
def test_unfit_tables(one, statement, said):
    one.execute(statement)
    assert said in refused(one).what


def test_identity_by_another_index_than_the_key(one):
    one.execute(
        "ALTER TABLE item ALTER name SET NOT NULL",
        "CREATE UNIQUE INDEX by_name ON item (name)",
        "ALTER TABLE item REPLICA IDENTITY USING INDEX by_name",
    )
    assert "deletes of public.item tell (name) only" in refused(one).what


def test_a_partition_without_a_key(source):
    source.execute(
        "CREATE TABLE part (id int) PARTITION BY LIST (id)", "CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)"
    )
    source.read("part", {"id": "INTEGER"})
    assert "part_1 has no key" in refused(source).what


def test_all_problems_are_told_at_once(one):
    one.execute("CREATE TABLE loose (id int)")
    one.read("loose", {"id": "INTEGER", "gone": "INTEGER"}).read("nowhere", {"id": "INTEGER"})
    error = refused(one)
    assert all(text in error.what for text in ("loose has no key", "no column gone", "public.nowhere does not exist"))


@pytest.fixture
def role(one, pg_server):
    name = f"r_{one.connection.info.dbname}"
    one.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'sekret-pw'")
    yield name
    one.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def as_role(source, pg_server, role: str) -> str:
    return pg_server.url(source.connection.info.dbname).replace("postgres:test@", f"{role}:sekret-pw@")


def test_a_role_that_may_neither_replicate_nor_read(one, pg_server, role):
    error = refused(one, url=as_role(one, pg_server, role))
    assert f"role {role} may not replicate" in error.what and "may not read public.item" in error.what


def test_row_security_would_hide_rows(one, pg_server, role):
    one.execute(
        f"ALTER ROLE {role} REPLICATION",
        f"GRANT SELECT ON item TO {role}",
        "ALTER TABLE item ENABLE ROW LEVEL SECURITY",
    )
    assert "row security hides rows" in refused(one, url=as_role(one, pg_server, role)).what


def test_a_role_that_owns_nothing_collects_what_the_owner_published(one, pg_server, role):
    one.execute(f"ALTER ROLE {role} REPLICATION", f"GRANT SELECT ON item TO {role}", "INSERT INTO item VALUES (1, 'a')")
    owner_url, one.url = one.url, as_role(one, pg_server, role)
    with pytest.raises(CollectError, match="only the owner") as caught:
        one.catch_up()
    statements = caught.value.next_step.removeprefix("let the owner run: ").split(";")
    one.execute(*statements)
    assert one.catch_up()[0].rows == 1
    one.execute("INSERT INTO item VALUES (2, 'b')")
    assert one.catch_up()[0].rows == 1
    assert owner_url != one.url


@pytest.mark.parametrize(
    "publication",
    [
        "FOR ALL TABLES",
        "FOR TABLE item WHERE (id > 5) WITH (publish_via_partition_root, publish_generated_columns = stored)",
        "FOR TABLE item WITH (publish = 'insert', publish_via_partition_root, publish_generated_columns = stored)",
    ],
)
def test_a_publication_that_tells_something_else(one, publication):
    one.execute(f"CREATE PUBLICATION backoffice_erp {publication}")
    with pytest.raises(PreflightError, match="backoffice_erp"):
        one.catch_up()


def test_a_slot_of_another_platform_is_left_alone(one):
    one.execute("SELECT pg_create_logical_replication_slot('backoffice_erp', 'pgoutput')")
    with pytest.raises(CollectError, match="nothing was landed from it here") as caught:
        one.catch_up()
    assert "pg_drop_replication_slot" in caught.value.next_step


def test_a_second_collector_is_refused_and_names_the_first(one):
    with Running(one.collector()) as running:
        wait_for(lambda: running.landed)
        with pytest.raises(SourceLockedError, match="is being collected by process"):
            one.catch_up()


def test_a_source_that_cannot_be_reached_is_an_error_when_it_is_needed_now(one, free_port, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.sessions._PATIENCE_SECONDS", 0.0)
    one.url = f"postgresql://nobody:hunter2@127.0.0.1:{free_port()}/nowhere"
    with pytest.raises(CollectError, match="cannot be reached") as caught:
        one.catch_up()
    assert "hunter2" not in str(caught.value)


def test_an_unknown_read_cannot_be_copied_again(one):
    with pytest.raises(CollectError, match="does not read nothing"):
        one.collector().resync("nothing")
