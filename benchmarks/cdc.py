"""How many changes a second of a PostgreSQL stream are landed, exactly once, beside decoding alone and Debezium.

    make bench-cdc

Three slots wait for the same changes, then each is read to the end, one after another in one run: ours into durable,
acknowledged batches; ours into nothing, from the same decoder; Debezium's embedded engine into an empty handler.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time

import duckdb
import psycopg

from backoffice.collect.postgres import connect as connecting
from backoffice.collect.postgres.offset import parse_lsn
from backoffice.collect.postgres.pgoutput import Change, Commit, Decoder
from backoffice.collect.postgres.replication import Replication
from backoffice.collect.run import collect
from backoffice.landing import LocalBatchStore
from bulk import _FILL, _TABLE
from lab import Lab, lab, rival, shop_source
from results import Result, record, show

SECTION = "CDC: landed changes a second"
SOURCE = "stream"
PUBLICATION = f"backoffice_{SOURCE}"
DECODE, DEBEZIUM = "bench_decode", "bench_debezium_{}"
BATCHES = (2048, 8192)  # of Debezium: its default and a large one, the faster counts
_BEFORE = 200_000
_TRANSACTION = 20


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with lab(shop_source(SOURCE, {"sales_order_line": "public.line"}, ["sales.order/sales_order_line"])) as bench:
        prepare(bench)
        changes = change(bench, arguments.changes)
        landed = ours(bench, changes)
        decoded = decode(bench, changes)
        debezium = {batch: stream_debezium(bench, batch, changes) for batch in BATCHES}
    keep(changes, landed, decoded, debezium)


def prepare(bench: Lab) -> None:
    """A table with rows, copied by us; two more slots on the same publication."""
    with bench.connect() as connection:
        connection.execute(_TABLE)
        connection.execute(_FILL.replace("g % ", "g %% "), (_BEFORE,))
    collect(bench.settings, SOURCE, 0, lambda manifest: None)
    with bench.connect() as connection:
        for slot in (DECODE, *(DEBEZIUM.format(batch) for batch in BATCHES)):
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))


def change(bench: Lab, wanted: int) -> int:
    """Transactions of twenty rows: half insert, four tenths update, a tenth deletes; returns the row changes made."""
    chance, made, order = random.Random(1), 0, 10_000_000
    with bench.connect() as connection:
        while made < wanted:
            with connection.transaction():
                for _ in range(100):  # transactions of the source; one round trip each
                    order += 1
                    made += _transaction(connection, chance, order)
    with bench.connect() as connection:
        connection.execute("CHECKPOINT")
    return made


def _transaction(connection: psycopg.Connection, chance: random.Random, order: int) -> int:
    """One order with ten lines, eight lines corrected, two deleted."""
    inserted = connection.execute(
        """INSERT INTO public.line
        SELECT %s, p, p, p, p, p, 0, 0, 10, 10, 0.05, 'DKK', 9.5 * p, '2026-01-31', now(), now()
        FROM generate_series(1, 10) AS p""",
        (order,),
    ).rowcount
    first = chance.randrange(_BEFORE // 4 - 2)
    updated = connection.execute(
        "UPDATE public.line SET quantity = quantity + 1, changed_at = now() WHERE order_no IN (%s, %s)",
        (first, first + 1),
    ).rowcount
    deleted = connection.execute("DELETE FROM public.line WHERE order_no = %s AND pos <= 2", (order,)).rowcount
    return inserted + updated + deleted


def ours(bench: Lab, changes: int) -> float:
    """Seconds until every change is in a durable batch and acknowledged; each landed exactly once, or the run ends."""
    store = LocalBatchStore(bench.settings.landing_dir)
    last = store.last(SOURCE)
    after = last.seq if last else 0
    started = time.monotonic()
    collect(bench.settings, SOURCE, 0, lambda manifest: None)
    seconds = time.monotonic() - started
    files = [store.uri(m, "sales_order_line") for m in store.batches(SOURCE, after)]
    row = duckdb.sql(f"SELECT count(*), count(DISTINCT _event_id) FROM read_parquet({files})").fetchone()
    if row != (changes, changes):
        sys.exit(f"{changes:,} changes, landed rows and distinct ones: {row}")
    return seconds


def decode(bench: Lab, changes: int) -> float:
    """Seconds to read and decode the same stream value by value, keeping nothing."""
    link, decoder, seen = Replication(connecting.conninfo(bench.url, SOURCE)), Decoder(), 0
    with contextlib.closing(link), bench.connect() as connection:
        row = connection.execute(
            "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", (DECODE,)
        ).fetchone()
        assert row is not None
        started = time.monotonic()
        link.start(DECODE, PUBLICATION, parse_lsn(row[0]))
        while seen < changes:
            payload = link.read(5.0)
            if isinstance(payload, bytes):
                message = decoder.feed(payload)
                if isinstance(message, Change):
                    message.read()
                    seen += 1
                elif isinstance(message, Commit):
                    link.confirmed = message.end_lsn
            elif payload is None:
                sys.exit(f"the stream ended after {seen:,} of {changes:,} changes")
        return time.monotonic() - started


def stream_debezium(bench: Lab, batch: int, changes: int) -> float:
    """Seconds from its first batch to the last change."""
    folder = bench.folder / f"debezium_{batch}"
    folder.mkdir()
    slot = DEBEZIUM.format(batch)
    found = rival("debezium_stream.py", bench.url, slot, PUBLICATION, str(changes), str(folder), str(batch))
    print(f"debezium, batches of {batch}: {found}", flush=True)
    return float(found["seconds"])


def keep(changes: int, landed: float, decoded: float, debezium: dict[int, float]) -> None:
    """Keep and print the figures."""
    theirs = round(changes / min(debezium.values()))
    ours_rate = changes / landed
    results = [
        Result("cdc.changes", changes, "rows"),
        Result("cdc.decoded", round(changes / decoded), "rows/s"),
        *(Result(f"cdc.debezium_batch_{n}", round(changes / s), "rows/s") for n, s in sorted(debezium.items())),
        Result("cdc.landed", round(ours_rate), "rows/s", baseline=theirs),
        Result("cdc.landed_against_debezium", round(ours_rate / theirs, 2), "times", ">= 3"),
        Result("cdc.landed_against_decoded", round(decoded / landed, 2), "times"),
    ]
    notes = [
        f"{changes:,} row changes in transactions of about {_TRANSACTION * 100:,}, 16 columns.",
        "landed: fsynced batches of Parquet with manifests, acknowledged, each change once (counted). Debezium: "
        "pydbzengine to an empty handler, JSON without schemas, counted from its first batch.",
    ]
    record(SECTION, results, notes)
    show(results, notes)


if __name__ == "__main__":
    main()
