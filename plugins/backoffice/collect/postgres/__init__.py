"""Collecting from PostgreSQL by logical replication.

In: a source's configuration and the URL of its database. Out: landed batches, through :class:`PostgresCollector`.
Every batch holds whole transactions in commit order, or full copies of tables that the stream takes over from.
"""

from backoffice.collect.postgres.collector import PostgresCollector
from backoffice.collect.postgres.run import CollectCounts

__all__ = ["CollectCounts", "PostgresCollector"]
