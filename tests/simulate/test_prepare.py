"""The shop's database on the real source server: made once, the collector's to publish, and nowhere else."""

from __future__ import annotations

import threading

import psycopg
import pytest

from backoffice.addresses import source_url
from backoffice.errors import SettingsError
from backoffice.ops.postgres import source_cluster
from backoffice.settings import Settings
from backoffice.simulate import connect, prepare

pytestmark = pytest.mark.postgres


def count(connection):
    return connection.execute("SELECT count(*) FROM shop.sales_order").fetchone()[0]


def test_two_at_once_prepare_one_shop(source_settings):
    errors = []
    with psycopg.connect(source_cluster(source_settings).url("postgres"), autocommit=True) as superuser:
        superuser.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")

    def prepare_it() -> None:
        try:
            prepare(source_settings)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=prepare_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with connect(source_settings) as connection:
        assert 3900 <= count(connection) <= 4000


def test_preparing_again_leaves_everything(source_settings):
    prepare(source_settings)
    with connect(source_settings) as connection:
        connection.execute("UPDATE shop.team SET title = 'Depot' WHERE team_code = 'LOG'")
        prepare(source_settings)
        assert connection.execute("SELECT title FROM shop.team WHERE team_code = 'LOG'").fetchone() == ("Depot",)


def test_the_collector_can_read_and_publish_but_not_write_by_itself(source_settings):
    prepare(source_settings)
    with psycopg.connect(source_url(source_settings, "shop"), autocommit=True) as collector:
        assert count(collector) > 0
        collector.execute("CREATE PUBLICATION probe FOR TABLE shop.sales_order, shop.sales_order_line")
        collector.execute("DROP PUBLICATION probe")


def test_real_systems_get_no_made_up_orders(tmp_path):
    settings = Settings(home=tmp_path, source_url="postgresql://erp:secret@erp.example:5432/erp")
    with pytest.raises(SettingsError, match="embedded source server"):
        prepare(settings)
