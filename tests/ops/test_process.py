from __future__ import annotations

import os

from backoffice.ops.process import rotate
from backoffice.ops.state import ProcessRecord


def test_a_long_log_is_set_aside_while_its_writer_goes_on(tmp_path):
    path = tmp_path / "api.log"
    with path.open("a") as writer:
        for number in range(6):
            writer.write(f"{number}" * 100)
            writer.flush()
            rotate(path, 50)
        writer.write("end")
    assert path.read_text() == "end"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["api.log", "api.log.1", "api.log.2", "api.log.3"]
    assert [(tmp_path / f"api.log.{number}").read_text()[0] for number in (1, 2, 3)] == ["5", "4", "3"]


def test_a_short_log_stays(tmp_path):
    path = tmp_path / "api.log"
    path.write_text("short")
    rotate(path, 50)
    rotate(tmp_path / "none.log", 50)
    assert [found.name for found in tmp_path.iterdir()] == ["api.log"]


def test_a_pid_that_was_given_away_is_not_the_process():
    mine = ProcessRecord.of(os.getpid())
    assert mine.alive()
    assert not ProcessRecord(pid=mine.pid, created=mine.created - 3600).alive()
    assert not ProcessRecord(pid=2**22 + 1, created=mine.created).alive()
