"""How fast a table is copied for the first time: landed, and landed and judged, beside dlt and a bare COPY.

    make bench-bulk

One run, one server, one table after another way of copying it. dlt writes Parquet with each of its backends and the
fastest counts; it keeps no offset and judges nothing. COPY to a CSV file is what the source itself needs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from backoffice.collect.run import collect
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from lab import Lab, lab, rival, shop_source
from results import Result, record, show

SECTION = "Bulk: the first copy of a table"
BACKENDS = ("pyarrow", "connectorx", "pandas", "sqlalchemy")
SOURCE = "bulk"

_TABLE = """
CREATE TABLE public.line (
    order_no bigint NOT NULL, pos smallint NOT NULL, item_no integer NOT NULL, quantity numeric(12, 3) NOT NULL,
    available numeric(12, 3), picked numeric(12, 3), missing numeric(12, 3), cancelled numeric(12, 3) NOT NULL,
    price numeric(12, 2) NOT NULL, list_price numeric(12, 2) NOT NULL, discount numeric(5, 4) NOT NULL,
    currency text NOT NULL, net numeric(14, 2) NOT NULL, promised_on date, created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL, PRIMARY KEY (order_no, pos));
"""
_FILL = """
INSERT INTO public.line
SELECT g / 4, g % 4 + 1, g % 5000 + 1, g % 20 + 1, g % 20 + 1, g % 20 + 1, 0, 0, 10 + g % 1000, 10 + g % 1000, 0.05,
    (ARRAY['DKK', 'EUR', 'USD'])[g % 3 + 1], round((g % 20 + 1) * (10 + g % 1000) * 0.95, 2),
    date '2025-01-01' + (g % 365)::int, timestamptz '2025-01-01' + g * interval '1 second',
    timestamptz '2025-01-01' + g * interval '1 second'
FROM generate_series(0, %s - 1) AS g
"""


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--backends", nargs="*", default=list(BACKENDS))
    arguments = parser.parse_args()
    with lab(shop_source(SOURCE, {"sales_order_line": "public.line"}, ["sales.order/sales_order_line"])) as bench:
        fill(bench, arguments.rows)
        floor = copy_csv(bench)
        landed, judged = ours(bench, arguments.rows)
        rivals = {backend: dlt(bench, backend, arguments.rows) for backend in arguments.backends}
    keep(arguments.rows, floor, landed, judged, rivals)


def fill(bench: Lab, rows: int) -> None:
    """The table, analysed and written out, so that the first reader does not pay for it."""
    with bench.connect() as connection:
        connection.execute(_TABLE)
        connection.execute(_FILL.replace("g % ", "g %% "), (rows,))
        connection.execute("VACUUM (ANALYZE, FREEZE) public.line")
        connection.execute("CHECKPOINT")
        connection.execute("SELECT count(*) FROM public.line")


def copy_csv(bench: Lab) -> float:
    """Seconds of COPY … TO STDOUT into a file: no types, no offset, no check."""
    started = time.monotonic()
    with (
        psycopg.connect(bench.url) as connection,
        (bench.folder / "floor.csv").open("wb") as file,
        connection.cursor().copy("COPY public.line TO STDOUT (FORMAT csv)") as copy,
    ):
        for chunk in copy:
            file.write(chunk)
    return time.monotonic() - started


def ours(bench: Lab, rows: int) -> tuple[float, float]:
    """Seconds from nothing to a durable, acknowledged batch, and from nothing to every row judged.

    The copy makes the publication and the slot, hands over to the stream and fsyncs; judging loads the rows into the
    warehouse first, as a cycle does.
    """
    started = time.monotonic()
    collect(bench.settings, SOURCE, 0, lambda manifest: None)
    landed = time.monotonic() - started
    cycle.warm(bench.settings)  # a task inherits it
    started = time.monotonic()
    cycle.load(bench.settings, "bench")
    judged = cycle.validate(bench.settings, "bench")
    seconds = time.monotonic() - started
    store = LocalBatchStore(bench.settings.landing_dir)
    landed_rows = store.relation(list(store.batches(SOURCE)), "sales_order_line")
    ((found,),) = duckdb.sql(f"SELECT count(DISTINCT (_batch_id, _row_no)) FROM {landed_rows}").fetchall()
    if found != rows or judged["judged"] < rows or judged["quarantined"]:
        sys.exit(f"{found:,} of {rows:,} rows landed; judged: {judged}")
    return landed, landed + seconds


def dlt(bench: Lab, backend: str, rows: int) -> float:
    """Seconds dlt takes with a backend; its imports are not counted."""
    folder = bench.folder / f"dlt_{backend}"
    folder.mkdir()
    url = bench.url.replace("postgresql://", "postgresql+psycopg2://")
    env = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(folder / "data"), "DO_NOT_TRACK": "1"}
    found: dict[str, Any] = rival("dlt_copy.py", url, "public", "line", backend, str(folder), env=env)
    shutil.rmtree(Path(folder))
    if found["rows"] != rows:
        sys.exit(f"dlt with {backend} copied {found['rows']:,} of {rows:,} rows")
    print(f"dlt {backend:12} {rows / found['seconds']:>12,.0f} rows/s", flush=True)
    return float(found["seconds"])


def keep(rows: int, floor: float, landed: float, judged: float, rivals: dict[str, float]) -> None:
    """Keep and print the figures."""
    best = min(rivals, key=lambda name: rivals[name])
    ours_landed, ours_judged = rows / landed, rows / judged
    theirs = round(rows / rivals[best])
    results = [
        Result("bulk.rows", rows, "rows"),
        Result("bulk.copy_csv", round(rows / floor), "rows/s"),
        *(Result(f"bulk.dlt_{name}", round(rows / seconds), "rows/s") for name, seconds in sorted(rivals.items())),
        Result("bulk.landed", round(ours_landed), "rows/s", baseline=theirs),
        Result("bulk.judged", round(ours_judged), "rows/s", baseline=theirs),
        Result("bulk.landed_against_dlt", round(ours_landed / theirs, 2), "times", ">= 6"),
        Result("bulk.judged_against_dlt", round(ours_judged / theirs, 2), "times", ">= 3"),
        Result("bulk.landed_against_copy_csv", round(floor / landed, 2), "times"),
    ]
    notes = [
        f"{rows:,} order lines of 16 columns; dlt's fastest backend was {best}. connectorx makes every amount a "
        "DECIMAL(38,10) and pandas a float; pyarrow keeps the columns' own types, as we do.",
        f"COPY, which writes text and no types, was {rivals[best] / floor:.1f} times as fast as the fastest backend: "
        "more than that is not to be had from one connection.",
        "landed: publication, slot, snapshot, Parquet, fsync, manifest and the hand-over to the stream.",
        "judged: landed, loaded into the warehouse and every expectation of the contract, GX warm as in a task.",
    ]
    record(SECTION, results, notes)
    show(results, notes)


if __name__ == "__main__":
    main()
