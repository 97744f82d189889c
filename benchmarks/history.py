"""A long history of sales, generated straight into landing: the shop's orders, lines, clients and items.

The rows are the shop's own tables as a first copy would land them; four lines an order, three currencies, three years.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from backoffice.landing import ENVELOPE, LocalBatchStore, Manifest

LINES_AN_ORDER = 4
CLIENTS, ITEMS = 20_000, 5_000
START = "TIMESTAMPTZ '2024-01-01 00:00:00+00'"
_SECONDS = 90_000_000  # of nearly three years, over which the orders are spread

_CURRENCY = "list_value('DKK', 'EUR', 'USD')[{0} % 3 + 1]"
_LINE = f"""
SELECT n // {LINES_AN_ORDER} AS order_no, n % {LINES_AN_ORDER} + 1 AS pos, n % {ITEMS} + 1 AS item_no,
    (n % 20 + 1 + {{revision}})::DECIMAL(12,3) AS quantity, quantity AS available, quantity AS picked,
    0::DECIMAL(12,3) AS missing, 0::DECIMAL(12,3) AS cancelled, (10 + n % 1000)::DECIMAL(12,2) AS price,
    price AS list_price, 0::DECIMAL(5,4) AS discount, {_CURRENCY.format("order_no")} AS currency,
    (quantity * price)::DECIMAL(14,2) AS net, NULL::DATE AS promised_on, {{at}} AS created_at, {{at}} AS changed_at
FROM {{numbers}}"""
_ORDER = f"""
SELECT order_no, order_no % {CLIENTS} + 1 AS client_no, NULL::INTEGER AS seller_no, 'W' AS channel, 60 AS state,
    any_value(currency) AS currency, 100::DECIMAL(10,4) AS exchange_rate, NULL::DATE AS wanted_on,
    NULL::DATE AS promised_on, sum(net)::DECIMAL(14,2) AS net, 0::DECIMAL(14,2) AS freight,
    round(sum(net) * 0.25, 2)::DECIMAL(14,2) AS vat, (sum(net) + round(sum(net) * 0.25, 2))::DECIMAL(14,2) AS total,
    min(created_at) AS entered_at, entered_at AS checked_at, entered_at AS confirmed_at,
    NULL::TIMESTAMPTZ AS cancelled_at, NULL::VARCHAR AS cancel_reason, entered_at AS created_at,
    entered_at AS changed_at
FROM ({_LINE}) GROUP BY order_no"""
_CLIENT = f"""
SELECT n AS client_no, 'C-' || n AS client_code, 'Client ' || n AS name, 'B' AS kind, NULL::VARCHAR AS vat_no,
    'client' || n || '@example.com' AS mail, NULL::VARCHAR AS phone, 'Street ' || n AS street, '1000' AS zip,
    'Copenhagen' AS city, 'DK' AS country, 'EU' AS region, 'S' AS segment, 'da' AS language, 'DKK' AS currency,
    10000::DECIMAL(14,2) AS credit_limit, 30 AS pay_days, NULL::INTEGER AS keeper_no, DATE '2024-01-01' AS since,
    'A' AS state, false AS newsletter, {START} AS created_at, {START} AS changed_at
FROM range(1, {CLIENTS} + 1) AS r(n)"""
_ITEM = f"""
SELECT n AS item_no, 'I-' || n AS code, 'Item ' || n AS title, 'goods' AS item_group, 'pcs' AS unit,
    5::DECIMAL(12,4) AS cost, true AS is_stocked, NULL::DECIMAL(12,3) AS reorder_at,
    NULL::DECIMAL(12,3) AS safety_stock, NULL::SMALLINT AS lead_days, 'A' AS state,
    {START} AS created_at, {START} AS changed_at
FROM range(1, {ITEMS} + 1) AS r(n)"""


def history(store: LocalBatchStore, source: str, lines: int, cache: Path) -> Manifest:
    """Land a history of so many order lines as one batch, from the cache when it was made before."""
    numbers = f"range({lines}) AS r(n)"
    queries = {
        "client": _CLIENT,
        "item": _ITEM,
        "sales_order": _ORDER.format(numbers=numbers, revision=0, at=_at("n", lines)),
        "sales_order_line": _LINE.format(numbers=numbers, revision=0, at=_at("n", lines)),
    }
    return land(store, source, queries, "r", cache=cache)


def change(store: LocalBatchStore, source: str, lines: int, changed: int, revision: int) -> Manifest:
    """Land corrections of whole orders with so many rows in all, spread over the history."""
    orders = changed // (LINES_AN_ORDER + 1)
    step = lines // LINES_AN_ORDER // orders
    offset = revision % step
    numbers = (
        f"(SELECT (o * {step} + {offset}) * {LINES_AN_ORDER} + p AS n "
        f"FROM range({orders}) AS a(o), range({LINES_AN_ORDER}) AS b(p)) AS r"
    )
    at = f"TIMESTAMPTZ '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}+00'"
    line = _LINE.format(numbers=numbers, revision=revision, at=at)
    order = _ORDER.format(numbers=numbers, revision=revision, at=_at("n", lines))
    return land(store, source, {"sales_order": order, "sales_order_line": line}, "u")


def _at(number: str, lines: int) -> str:
    return f"({START} + to_seconds({number} // {LINES_AN_ORDER} * {LINES_AN_ORDER} * {_SECONDS} // {lines}))"


def land(
    store: LocalBatchStore,
    source: str,
    queries: dict[str, str],
    op: str,
    *,
    cache: Path | None = None,
    event_at: str = "changed_at",
) -> Manifest:
    """Land the rows of queries as one batch.

    Args:
        store: where.
        source: the source's name.
        queries: rows of each of its reads, in DuckDB's SQL.
        op: what happened to them: ``r`` first copy, ``u`` changed.
        cache: folder of what was made before of the same queries.
        event_at: when it happened, in the queries' columns.
    """
    kept = cache / _digest(queries) if cache else None
    batch = store.begin(source)
    first = 0
    for name, query in queries.items():
        cached = kept / f"{name}.parquet" if kept else None
        if cached is None or not cached.exists():
            _write(query, {"_op": f"'{op}'", "_event_at": event_at}, batch.batch_id, first, cached or batch.path(name))
        if cached is not None:
            shutil.copyfile(cached, batch.path(name))
        row = duckdb.sql(f"SELECT count(*) FROM '{batch.path(name)}'").fetchone()
        first += int(row[0]) if row else 0
    now = datetime.now(UTC)
    return batch.commit(kind="stream", offset={}, event_at_min=now, event_at_max=now)


def _write(query: str, values: dict[str, str], batch_id: str, first: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    envelope = values | {
        "_batch_id": f"'{batch_id}'",
        "_row_no": f"row_number() OVER () + {first}",
        "_event_id": f"'{batch_id}.' || (row_number() OVER () + {first})",
        "_ingested_at": "now()",
    }
    listed = ", ".join(f"cast({envelope.get(n, 'NULL')} AS {kind}) AS {n}" for n, (kind, _, _) in ENVELOPE.items())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY (SELECT *, {listed} FROM ({query})) TO '{path}' (FORMAT parquet)")


def _digest(queries: dict[str, str]) -> str:
    return hashlib.sha256("\n".join(queries.values()).encode()).hexdigest()[:16]
