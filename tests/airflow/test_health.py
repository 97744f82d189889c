from __future__ import annotations

import json

from backoffice.airflow.health import component_health, is_healthy, readable_log


def test_unreachable_is_not_healthy(settings):
    assert component_health(settings) == {}
    assert not is_healthy(settings)


def test_task_logs_are_made_readable():
    failed = {
        "timestamp": "2026-01-02T03:04:05.678901Z",
        "level": "error",
        "event": "Task failed with exception",
        "error_detail": [{"exc_type": "AuditError", "exc_value": "3 rows are missing"}],
    }
    lines = readable_log([json.dumps(failed), "plain text", '{"half": 1}'])
    assert lines == [
        "2026-01-02T03:04:05 error    Task failed with exception\nAuditError: 3 rows are missing",
        "plain text",
        '{"half": 1}',
    ]
