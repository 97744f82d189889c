"""kill -9 at random under load: what is landed is the source, once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading

import pytest
from tests.collect.postgres.replay import wait_for
from tests.collect.postgres.writers import Writers

pytestmark = pytest.mark.postgres

COLLECT = """
import sys
from pathlib import Path
from backoffice.collect.postgres import PostgresCollector
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
config, url, home = sys.argv[1:]
settings = Settings(home=Path(home), batch_seconds=0.02, batch_rows=500)
collector = PostgresCollector(
    SourceConfig.model_validate_json(config), url, LocalBatchStore(settings.landing_dir), settings
)
collector.run(None, lambda manifest: print(manifest.seq, flush=True))
"""


def test_killed_again_and_again(warehouse):
    chance = random.Random()
    config = warehouse.config.model_dump_json(by_alias=True, exclude_defaults=True)
    with Writers(warehouse.url, 3):
        for _ in range(5):
            command = [sys.executable, "-c", COLLECT, config, warehouse.url, str(warehouse.settings.home)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                for _ in range(chance.randint(0, 3)):
                    assert process.stdout.readline(), process.stderr.read().decode()
                threading.Event().wait(chance.uniform(0, 0.08))
            finally:
                process.send_signal(signal.SIGKILL)
                process.communicate()
    free = "SELECT 1 FROM pg_replication_slots WHERE NOT active"
    wait_for(lambda: warehouse.execute(free).fetchone() or not warehouse.batches())
    warehouse.catch_up()
    for name in warehouse.reads:
        assert warehouse.replayed(name) == warehouse.actual(name) != {}
    ids = warehouse.event_ids()
    assert len(set(ids)) == len(ids)
    assert len(warehouse.batches()) > 3
