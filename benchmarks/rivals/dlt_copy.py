"""Copies a table into Parquet files with dlt, for comparison: prints {rows, seconds} of the backend named."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import dlt
from dlt.sources.sql_database import sql_table


def main() -> None:
    """Arguments: SQLAlchemy URL, schema, table, backend, folder."""
    url, schema, table, backend, folder = sys.argv[1:]
    options = {"backend_kwargs": {"return_type": "arrow"}} if backend == "connectorx" else {}
    started = time.monotonic()
    source = sql_table(url, schema=schema, table=table, backend=backend, chunk_size=100_000, **options)
    pipeline = dlt.pipeline(
        f"bench_{backend}",
        destination=dlt.destinations.filesystem(Path(folder).absolute().as_uri()),
        dataset_name="landed",
        pipelines_dir=f"{folder}/pipelines",
    )
    pipeline.run(source, loader_file_format="parquet", write_disposition="replace")
    seconds = time.monotonic() - started
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(json.dumps({"rows": counts[table], "seconds": seconds}))


if __name__ == "__main__":
    main()
