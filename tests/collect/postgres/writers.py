"""People who change a table while it is collected."""

from __future__ import annotations

import random
import threading

import psycopg

TABLES = (
    "CREATE TABLE stock (id int PRIMARY KEY, qty int NOT NULL, note text)",
    "CREATE TABLE move (id bigserial PRIMARY KEY, stock_id int NOT NULL, qty int NOT NULL)",
    "INSERT INTO stock SELECT i, 0, repeat('n', 50) FROM generate_series(1, 2000) i",
)


class Writers:
    """Threads that change ``stock`` and ``move`` in transactions of all sizes until the block is left."""

    def __init__(self, url: str, count: int = 4) -> None:
        self.transactions = 0
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(seed,)) for seed in range(count)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _write(self, seed: int) -> None:
        chance = random.Random(seed)
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = off")
            while not self._stop.is_set():
                try:
                    with connection.transaction(force_rollback=chance.random() < 0.05):
                        self._change(connection, chance)
                except psycopg.errors.DeadlockDetected:
                    continue
                self.transactions += 1

    def _change(self, connection: psycopg.Connection, chance: random.Random) -> None:
        for _ in range(chance.choice((1, 1, 2, 5, 40))):
            item, kind = chance.randint(1, 2000), chance.random()
            if kind < 0.6:
                connection.execute("UPDATE stock SET qty = qty + 1 WHERE id = %s", (item,))
                connection.execute("INSERT INTO move (stock_id, qty) VALUES (%s, 1)", (item,))
            elif kind < 0.75:
                connection.execute("DELETE FROM stock WHERE id = %s", (item,))
            elif kind < 0.9:
                connection.execute("INSERT INTO stock VALUES (%s, 0, 'again') ON CONFLICT DO NOTHING", (item,))
            else:
                connection.execute("UPDATE stock SET id = -id, note = 'moved' WHERE id = %s", (item,))
                connection.execute("DELETE FROM stock WHERE id = %s", (-item,))
        if chance.random() < 0.2:
            self._stop.wait(0.03)  # a transaction that stays open while others come and go
