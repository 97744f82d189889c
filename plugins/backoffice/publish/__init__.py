"""Publish: readers get what was audited, in PostgreSQL every cycle and in a DuckDB file at its cadence.

In: the warehouse's audited generation and the list of published models, through :func:`publish`. Out: one version in
every channel (``marts.current_version``), the rows that changed (:class:`Publication`), and, every cycle whether
anything was published or not, the status beside the data (:func:`write_status`). :func:`roll_back_to` publishes an
earlier version and holds it until :func:`lift_hold`.
"""

from backoffice.publish.file import current_file, file_cadence, file_due, publish_file
from backoffice.publish.hold import Hold
from backoffice.publish.hold import clear as clear_hold
from backoffice.publish.hold import read as read_hold
from backoffice.publish.lock import publishing
from backoffice.publish.model import PublishedColumn, PublishedModel, TableChange
from backoffice.publish.postgres import publish_postgres
from backoffice.publish.publication import Publication, publish, recover
from backoffice.publish.record import PublicationRecord, newest, version_id
from backoffice.publish.rollback import finish as finish_rollback
from backoffice.publish.rollback import lift as lift_hold
from backoffice.publish.rollback import roll_back as roll_back_to
from backoffice.publish.status import (
    GenerationStatus,
    HoldStatus,
    InvariantStatus,
    SourceStatus,
    Status,
    last_status,
    write_status,
)
from backoffice.publish.versions import VersionFile, kept_files

__all__ = [
    "GenerationStatus",
    "Hold",
    "HoldStatus",
    "InvariantStatus",
    "Publication",
    "PublicationRecord",
    "PublishedColumn",
    "PublishedModel",
    "SourceStatus",
    "Status",
    "TableChange",
    "VersionFile",
    "clear_hold",
    "current_file",
    "file_cadence",
    "file_due",
    "finish_rollback",
    "kept_files",
    "last_status",
    "lift_hold",
    "newest",
    "publish",
    "publish_file",
    "publish_postgres",
    "publishing",
    "read_hold",
    "recover",
    "roll_back_to",
    "version_id",
    "write_status",
]
