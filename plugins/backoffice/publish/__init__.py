"""Publish: readers get what was audited, in PostgreSQL every cycle and in a DuckDB file at its cadence.

In: the warehouse's audited generation and the list of published models, through :func:`publish`. Out: one version in
every channel (``marts.current_version``), the rows that changed (:class:`Publication`), and, every cycle whether
anything was published or not, the status beside the data (:func:`write_status`).
"""

from backoffice.publish.file import current_file, file_due, publish_file
from backoffice.publish.model import PublishedColumn, PublishedModel, TableChange
from backoffice.publish.postgres import publish_postgres
from backoffice.publish.publication import Publication, publish, recover
from backoffice.publish.record import PublicationRecord, newest, version_id
from backoffice.publish.status import SourceStatus, Status, write_status

__all__ = [
    "Publication",
    "PublicationRecord",
    "PublishedColumn",
    "PublishedModel",
    "SourceStatus",
    "Status",
    "TableChange",
    "current_file",
    "file_due",
    "newest",
    "publish",
    "publish_file",
    "publish_postgres",
    "recover",
    "version_id",
    "write_status",
]
