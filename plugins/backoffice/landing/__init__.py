"""Landing: immutable batches of source rows with the offset they reach, committed together.

In: Parquet files and an offset, through :class:`BatchStore.begin`. Out: :class:`Manifest` objects in source order,
through :meth:`BatchStore.batches`. A batch without a manifest does not exist.
"""

from backoffice.landing.envelope import ENVELOPE, EVENT, EXTRA, envelope_schema
from backoffice.landing.local import LocalBatchStore
from backoffice.landing.manifest import LandedTable, Manifest, fixes_of
from backoffice.landing.parquet import parquet_writer
from backoffice.landing.store import BatchStore, OpenBatch

__all__ = [
    "ENVELOPE",
    "EVENT",
    "EXTRA",
    "BatchStore",
    "LandedTable",
    "LocalBatchStore",
    "Manifest",
    "OpenBatch",
    "envelope_schema",
    "fixes_of",
    "parquet_writer",
]
