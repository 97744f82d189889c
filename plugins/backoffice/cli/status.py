"""``backoffice status``: processes, sources, publication, without opening the warehouse."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from rich import filesize
from rich.text import Text

from backoffice.airflow.health import component_health
from backoffice.airflow.sources import readable_sources
from backoffice.cli.console import out, show_table
from backoffice.cli.published import read_status
from backoffice.collect.files import findings_of
from backoffice.collect.slot import SlotHealth, read_slot
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.ops.state import SupervisorState, running_supervisor
from backoffice.settings import Settings
from backoffice.warehouse.lease import Lease


def print_status(settings: Settings) -> None:
    """Print what runs, what has landed and what readers see."""
    state = running_supervisor(settings)
    _print_processes(settings, state)
    _print_sources(settings)
    _print_slots(settings)
    _print_files(settings)
    _print_publication(settings)


def _print_processes(settings: Settings, state: SupervisorState | None) -> None:
    if state is None:
        out.print(Text("The platform is not running; `make up` starts it.", style="yellow"))
        return
    rows = [
        (name, found.process.pid if found.process else "down", _ago(found.since), found.restarts, found.log)
        for name, found in state.components.items()
    ]
    title = f"{state.stage}, supervisor {state.process.pid}"
    show_table(("process", "pid", "up for", "restarts", "log"), rows, title=title)
    health = component_health(settings)
    text = ", ".join(f"{name} {found}" for name, found in health.items()) or "cannot be reached"
    out.print(Text(f"Airflow: {text}"))


def _print_sources(settings: Settings) -> None:
    store = LocalBatchStore(settings.landing_dir)
    rows = [(source, *_landed(store.last(source))) for source in readable_sources(settings)]
    show_table(("source", "last batch", "rows in it", "landed"), rows, title="landed")


def _landed(last: Manifest | None) -> tuple[str, str, str]:
    if last is None:
        return "nothing yet", "", ""
    return last.batch_id, str(last.rows), f"{_ago(last.landed_at.timestamp())} ago"


def _print_slots(settings: Settings) -> None:
    """What each collector last saw of its replication slot; the source is not asked."""
    rows = [_slot(health) for source in readable_sources(settings) if (health := read_slot(settings, source))]
    if rows:
        show_table(("source", "slot", "state", "kept for it", "behind", "seen", "remark"), rows, title="slots")


def _slot(health: SlotHealth) -> tuple[str, ...]:
    state = f"{'active' if health.active else 'idle'}, {health.wal_status}" if health.exists else "missing"
    behind = f"{filesize.decimal(health.lag_bytes or 0)}, {health.lag_seconds:.0f} s"
    kept = filesize.decimal(health.retained_bytes or 0)
    if health.safe_bytes is not None:
        kept += f", {filesize.decimal(max(health.safe_bytes, 0))} left"
    seen = f"{_ago(health.observed_at.timestamp())} ago"
    return health.source, health.slot, state, kept, behind, seen, health.problem or health.risk


def _print_files(settings: Settings) -> None:
    """Files set aside, and columns that changed in the newest file of a read."""
    rows = [(source, *found) for source in readable_sources(settings) for found in findings_of(settings, source)]
    if rows:
        show_table(("source", "file", "found"), rows, title="files")


def _print_publication(settings: Settings) -> None:
    status = read_status(settings)
    if not status:
        out.print(Text("Published: nothing yet"))
    else:
        checked = _ago(datetime.fromisoformat(status["checked_at"]).timestamp())
        line = f"Published: {status.get('version') or 'nothing yet'}, {status['state']}, checked {checked} ago"
        out.print(Text(f"{line}\n{status.get('reason') or ''}".rstrip()))
    holder = Lease(settings).current()
    if holder and holder.expires_at > time.time():
        out.print(Text(f"Warehouse: held by {holder.holder} for {_ago(holder.acquired_at)}"))
    out.print(Text(f"As of {datetime.now(tz=UTC):%Y-%m-%d %H:%M:%S} UTC"))


def _ago(when: float) -> str:
    seconds = max(0, int(time.time() - when))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
