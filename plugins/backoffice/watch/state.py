"""What is open, what was told and what has still to be told: one SQLite file, so that a restart tells nothing twice.

An alert is opened when its cause appears, told once to each channel, told again after the reminder time unless
somebody acknowledged it, and resolved when its cause has been gone for a while. A change of an alert and the notices
it asks for are one transaction; who sends them marks them one by one.
"""

from __future__ import annotations

import fnmatch
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backoffice.settings import Settings
from backoffice.watch.causes import Cause, Kind

Event = Literal["opened", "reminder", "resolved"]

_DDL = """
CREATE TABLE IF NOT EXISTS alert (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL,
    what TEXT NOT NULL, how_bad TEXT NOT NULL, next_step TEXT NOT NULL, since REAL NOT NULL,
    opened_at REAL NOT NULL, seen_at REAL NOT NULL, told_at REAL, resolved_at REAL, acked_by TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX IF NOT EXISTS open_alert ON alert (key) WHERE resolved_at IS NULL;
CREATE TABLE IF NOT EXISTS notice (
    id INTEGER PRIMARY KEY, alert_id INTEGER NOT NULL, event TEXT NOT NULL, channel TEXT NOT NULL,
    made_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_try_at REAL NOT NULL, sent_at REAL,
    given_up_at REAL, error TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS pending_notice ON notice (channel, id) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE TABLE IF NOT EXISTS silence (
    id INTEGER PRIMARY KEY, pattern TEXT NOT NULL, until REAL NOT NULL, actor TEXT NOT NULL);
"""
_ALERT = """id, key, kind, subject, severity, what, how_bad, next_step, since, opened_at, told_at, resolved_at,
    acked_by"""
_KEPT_SECONDS = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Alert:
    """A cause and its history; ``told_at`` is the last notice asked for, None when silenced so far."""

    id: int
    key: str
    kind: str
    subject: str
    severity: str
    what: str
    how_bad: str
    next_step: str
    since: float
    opened_at: float
    told_at: float | None
    resolved_at: float | None
    acked_by: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell a channel."""

    id: int
    event: Event
    made_at: float
    attempts: int
    alert: Alert


class AlertState:
    """The state in ``alerts/alerts.sqlite``. Several processes may have it open; each thread opens its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        settings.alerts_dir.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path_of(settings), timeout=10, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_DDL)

    def __enter__(self) -> AlertState:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def apply(
        self, causes: Sequence[Cause], judged: Iterable[Kind], channels: Sequence[str], now: float
    ) -> list[tuple[Event, Alert]]:
        """Take in what holds now, and ask for the notices that follow from it.

        Args:
            causes: every cause of the judged kinds that holds.
            judged: kinds that could be judged; alerts of the others stay as they are.
            channels: names of the channels to tell.
            now: the time.

        Returns:
            what was asked to be told.
        """
        with self._transaction():
            for cause in causes:
                self._see(cause, now)
            self._resolve({cause.key for cause in causes}, set(judged), now)
            told = self._opened(now) + self._reminders(now) + self._resolved(now)
            for event, alert in told:
                self._db.executemany(
                    "INSERT INTO notice (alert_id, event, channel, made_at, next_try_at) VALUES (?, ?, ?, ?, ?)",
                    [(alert.id, event, channel, now, now) for channel in channels],
                )
            self._forget(now)
        return told

    def alerts(self, *, resolved: bool = False) -> list[Alert]:
        """The open alerts, the newest first; with ``resolved`` also those of the last months."""
        where = "1" if resolved else "resolved_at IS NULL"
        return self._select(where, (), "ORDER BY opened_at DESC, id DESC")

    def acknowledge(self, pattern: str, actor: str) -> list[Alert]:
        """Somebody cares for these: they are not told again until they are resolved."""
        with self._transaction():
            found = [alert for alert in self.alerts() if fnmatch.fnmatchcase(alert.key, pattern)]
            self._db.executemany("UPDATE alert SET acked_by = ? WHERE id = ?", [(actor, alert.id) for alert in found])
        return found

    def silence(self, pattern: str, until: float, actor: str) -> None:
        """Tell nothing of alerts whose key matches until then; a time that has passed lifts it."""
        with self._transaction():
            self._db.execute("DELETE FROM silence WHERE pattern = ?", (pattern,))
            self._db.execute("INSERT INTO silence (pattern, until, actor) VALUES (?, ?, ?)", (pattern, until, actor))

    def silences(self, now: float) -> list[tuple[str, float, str]]:
        """Pattern, end and actor of those in force."""
        return self._db.execute(
            "SELECT pattern, until, actor FROM silence WHERE until > ? ORDER BY pattern", (now,)
        ).fetchall()

    def due(self, channel: str, now: float) -> list[Notice]:
        """Notices a channel should be told now, in order; one whose alert has an earlier one pending waits for it."""
        rows = self._db.execute(
            f"""SELECT n.id, n.event, n.made_at, n.attempts, n.next_try_at, {_columns("a")}
            FROM notice AS n JOIN alert AS a ON a.id = n.alert_id
            WHERE n.channel = ? AND n.sent_at IS NULL AND n.given_up_at IS NULL ORDER BY n.id""",
            (channel,),
        ).fetchall()
        found: list[Notice] = []
        pending: set[int] = set()
        for number, event, made_at, attempts, next_try_at, *alert in rows:
            if alert[0] not in pending and next_try_at <= now:
                found.append(Notice(number, event, made_at, attempts, Alert(*alert)))
            pending.add(alert[0])
        return found

    def sent(self, notice: Notice, now: float) -> None:
        """The channel took it."""
        self._db.execute("UPDATE notice SET sent_at = ?, error = '' WHERE id = ?", (now, notice.id))

    def failed(self, notice: Notice, error: str, next_try_at: float) -> None:
        """The channel did not take it; it is tried again."""
        self._db.execute(
            "UPDATE notice SET attempts = attempts + 1, next_try_at = ?, error = ? WHERE id = ?",
            (next_try_at, error, notice.id),
        )

    def give_up(self, notice: Notice, error: str, now: float) -> None:
        """It is not tried again."""
        self._db.execute(
            "UPDATE notice SET attempts = attempts + 1, given_up_at = ?, error = ? WHERE id = ?",
            (now, error, notice.id),
        )

    def notices(self) -> list[tuple[str, str, int]]:
        """Channel, state (sent, pending, given up) and how many."""
        return self._db.execute(
            """SELECT channel, CASE WHEN sent_at IS NOT NULL THEN 'sent' WHEN given_up_at IS NOT NULL THEN 'given_up'
            ELSE 'pending' END AS state, count(*) FROM notice GROUP BY 1, 2 ORDER BY 1, 2"""
        ).fetchall()

    def failing(self) -> dict[str, str]:
        """Channel → why its oldest pending notice was refused."""
        return dict(
            self._db.execute(
                """SELECT channel, error FROM notice WHERE id IN (SELECT min(id) FROM notice
                WHERE sent_at IS NULL AND given_up_at IS NULL AND attempts > 0 GROUP BY channel)"""
            ).fetchall()
        )

    def drop_unknown_channels(self, channels: Sequence[str], now: float) -> None:
        """Give up notices for channels that are no longer set."""
        marks = ", ".join("?" * len(channels))
        self._db.execute(
            f"""UPDATE notice SET given_up_at = ?, error = 'the channel is no longer set'
            WHERE sent_at IS NULL AND given_up_at IS NULL AND channel NOT IN ({marks})""",
            (now, *channels),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _see(self, cause: Cause, now: float) -> None:
        """Open an alert or bring the open one's text up to date."""
        texts = (cause.severity, cause.what, cause.how_bad, cause.next_step)
        updated = self._db.execute(
            """UPDATE alert SET severity = ?, what = ?, how_bad = ?, next_step = ?, seen_at = ?
            WHERE key = ? AND resolved_at IS NULL""",
            (*texts, now, cause.key),
        )
        if not updated.rowcount:
            self._db.execute(
                """INSERT INTO alert (key, kind, subject, severity, what, how_bad, next_step, since, opened_at, seen_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (cause.key, cause.kind, cause.subject, *texts, cause.since, now, now),
            )

    def _resolve(self, seen: set[str], judged: set[Kind], now: float) -> None:
        """A cause that comes and goes is one alert: it must stay away for a while."""
        rows = self._db.execute("SELECT id, key, kind, seen_at FROM alert WHERE resolved_at IS NULL").fetchall()
        gone = [(number, seen_at) for number, key, kind, seen_at in rows if kind in judged and key not in seen]
        for number, seen_at in gone:
            if seen_at > now:  # the clock was set back
                self._db.execute("UPDATE alert SET seen_at = ? WHERE id = ?", (now, number))
            elif now - seen_at >= self._settings.alert_resolve_seconds:
                self._db.execute("UPDATE alert SET resolved_at = ? WHERE id = ?", (now, number))

    def _opened(self, now: float) -> list[tuple[Event, Alert]]:
        found = self._not_silenced("resolved_at IS NULL AND told_at IS NULL", (), now)
        self._mark_told(found, now)
        return [("opened", alert) for alert in found]

    def _reminders(self, now: float) -> list[tuple[Event, Alert]]:
        every = self._settings.alert_reminder_hours * 3600
        if not every:
            return []
        found = self._not_silenced("resolved_at IS NULL AND acked_by = '' AND told_at <= ?", (now - every,), now)
        self._mark_told(found, now)
        return [("reminder", alert) for alert in found]

    def _resolved(self, now: float) -> list[tuple[Event, Alert]]:
        """Those resolved in this transaction; who was never told of it needs not be told of its end."""
        where = """resolved_at = ? AND told_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM notice AS n WHERE n.alert_id = alert.id AND n.event = 'resolved')"""
        return [("resolved", alert) for alert in self._not_silenced(where, (now,), now)]

    def _not_silenced(self, where: str, values: Sequence[object], now: float) -> list[Alert]:
        patterns = [pattern for pattern, _, _ in self.silences(now)]
        found = self._select(where, values, "ORDER BY id")
        return [alert for alert in found if not any(fnmatch.fnmatchcase(alert.key, pattern) for pattern in patterns)]

    def _mark_told(self, alerts: Sequence[Alert], now: float) -> None:
        self._db.executemany("UPDATE alert SET told_at = ? WHERE id = ?", [(now, alert.id) for alert in alerts])

    def _forget(self, now: float) -> None:
        old = now - _KEPT_SECONDS
        self._db.execute("DELETE FROM silence WHERE until <= ?", (now,))
        self._db.execute("DELETE FROM notice WHERE alert_id IN (SELECT id FROM alert WHERE resolved_at < ?)", (old,))
        self._db.execute("DELETE FROM alert WHERE resolved_at < ?", (old,))

    def _select(self, where: str, values: Sequence[object], order: str) -> list[Alert]:
        rows = self._db.execute(f"SELECT {_ALERT} FROM alert WHERE {where} {order}", values).fetchall()
        return [Alert(*row) for row in rows]


def path_of(settings: Settings) -> Path:
    """The state's file."""
    return settings.alerts_dir / "alerts.sqlite"


def _columns(alias: str) -> str:
    return ", ".join(f"{alias}.{name.strip()}" for name in _ALERT.split(","))
