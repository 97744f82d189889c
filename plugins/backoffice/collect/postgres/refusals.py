"""Why a source refuses a connection, in words that say what to do; what waiting cannot mend is not waited for."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from backoffice.errors import CollectError


class Patience(enum.Enum):
    """How long to wait before giving up: not at all, for a moment, or for as long as the run lasts."""

    NONE = enum.auto()
    SHORT = enum.auto()
    LONG = enum.auto()


class Refusal(NamedTuple):
    """What it means and what to do; ``sign`` is found in the source's message."""

    sign: re.Pattern[str]
    patience: Patience
    what: str
    next_step: str


def _refusal(sign: str, patience: Patience, what: str, next_step: str) -> Refusal:
    return Refusal(re.compile(sign, re.IGNORECASE), patience, what, next_step)


_REFUSALS = (
    _refusal(
        "password authentication failed|no password supplied|SCRAM",
        Patience.NONE,
        "the source refuses the role's password",
        "put the right password into the source's URL, or set it at the source: ALTER ROLE … PASSWORD",
    ),
    _refusal(
        'role ".*" does not exist|is not permitted to log in',
        Patience.NONE,
        "the source does not know the role",
        "create it at the source: CREATE ROLE … LOGIN REPLICATION PASSWORD '…', or mend the source's URL",
    ),
    _refusal('database ".*" does not exist', Patience.NONE, "the source has no such database", "mend the source's URL"),
    _refusal(
        "permission denied for database",
        Patience.NONE,
        "the role may not connect to the database",
        "run at the source: GRANT CONNECT ON DATABASE … TO the role",
    ),
    _refusal(
        "does not support SSL",
        Patience.NONE,
        "the source's URL asks for TLS, which the server does not have",
        "set ssl = on at the server, or take sslmode out of the source's URL",
    ),
    _refusal(
        r"pg_hba\.conf.*(no encryption|SSL off)",
        Patience.NONE,
        "the server lets this role in with TLS only, or not at all",
        "add sslmode=verify-full (or require) to the source's URL; else allow this host in the server's pg_hba.conf, "
        "for the database and for replication",
    ),
    _refusal(
        r"pg_hba\.conf|certificate",
        Patience.NONE,
        "the server does not let this host or role in",
        "allow it in the server's pg_hba.conf, for the database and for replication, and check sslmode and sslrootcert",
    ),
    _refusal(
        "all replication slots are in use|max_replication_slots",
        Patience.SHORT,
        "the source has no replication slot left",
        "drop one nobody uses (SELECT * FROM pg_replication_slots WHERE NOT active), or raise max_replication_slots "
        "at the source and restart it",
    ),
    _refusal(
        "max_wal_senders",
        Patience.SHORT,
        "the source has no replication connection left",
        "raise max_wal_senders at the source and restart it, or stop a reader (SELECT * FROM pg_stat_replication)",
    ),
    _refusal(
        "is active for PID",
        Patience.LONG,
        "another process reads from the replication slot",
        "stop it (SELECT active_pid FROM pg_replication_slots); what a killed collector left ends by itself within the "
        "source's wal_sender_timeout",
    ),
    _refusal(
        "too many (clients|connections)|connection slots are reserved",
        Patience.LONG,
        "the source has no connection left",
        "raise max_connections at the source, or close connections; the collector needs four",
    ),
)


def refusal(message: str) -> Refusal | None:
    """What a message of the source means; None when it only says that the source cannot be reached."""
    return next((known for known in _REFUSALS if known.sign.search(message)), None)


def unreachable(source: str, error: Exception) -> CollectError:
    """The error of a source that is needed now and cannot be used."""
    text = str(error).strip()
    known = refusal(text)
    if known is None:
        what, next_step = "the source cannot be reached", "start it, or mend its URL; nothing is lost meanwhile"
    else:
        what, next_step = known.what, known.next_step
    return CollectError(f"{what}: {text}", where=f"source {source}", next_step=next_step)
