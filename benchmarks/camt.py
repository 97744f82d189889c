"""How fast a bank statement is read: our reader beside two parsers from PyPI, on one file, with equal sums.

    make bench-camt

The file is made here: one camt.053 statement that rolls forward. Each way reads it several times, the fastest counts,
without imports. Landing is all of it: both kinds of rows as durable batches. Then statements that others published are
read: one of them does not roll forward and must be caught.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from backoffice.collect.files import FileCollector
from backoffice.collect.files.camt import statements, transactions
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import load_source
from lab import CHECKOUT, rival
from results import Result, record, show

SECTION = "Bank statements: reading camt.053"
RIVALS = ("camt053", "bankstatementparser")
SAMPLES = "odoo/addons/account_statement_import_camt/tests/samples"
ROLLS_FALSE = "test-camt053"

_ENTRY = """<Ntry><NtryRef>{n}</NtryRef><Amt Ccy="DKK">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>
<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-{day:02}</Dt></BookgDt><ValDt><Dt>2026-03-{day:02}</Dt></ValDt>
<AcctSvcrRef>R{n}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>
</BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs><RltdPties><Dbtr><Nm>Payer {n}</Nm></Dbtr>
<DbtrAcct><Id><IBAN>DK5000400440116243</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>Invoice {n}</Ustrd></RmtInf>
</TxDtls></NtryDtls></Ntry>
"""
_BALANCE = """<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="DKK">{amount}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-01</Dt></Dt></Bal>"""
_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId>
<CreDtTm>2026-04-01T06:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><CreDtTm>2026-04-01T06:00:00</CreDtTm>
<Acct><Id><IBAN>DK7320000012345678</IBAN></Id><Ccy>DKK</Ccy></Acct>{balances}
{entries}</Stmt></BkToCstmrStmt></Document>
"""


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--print-only", action="store_true", help="Do not keep the figures.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backoffice-camt-") as folder:
        path = Path(folder) / "statement.xml"
        total = write(path, arguments.entries)
        read = ours(path, arguments.entries, arguments.times, total)
        landed = landing(path, Path(folder), arguments.entries)
        theirs = {name: other(name, path, arguments.entries, arguments.times, total) for name in RIVALS}
        size = path.stat().st_size
    results = figures(arguments.entries, read, landed, theirs)
    notes = [
        f"One statement of {arguments.entries:,} entries, {size / 1e6:.1f} MB; counts and sums are equal in all three.",
        "landed: both kinds of rows read, written as Parquet and made durable, each with its manifest.",
        f"Of the statements published with an importer, {', '.join(caught())} does not roll forward: it is caught.",
    ]
    if not arguments.print_only:
        record(SECTION, results, notes)
    show(results, notes)


def write(path: Path, entries: int) -> Decimal:
    """A statement with so many entries; returns what they add up to."""
    rng = random.Random(20_000)
    amounts = [Decimal(rng.randrange(1, 10**7)) / 100 for _ in range(entries)]
    sides = [rng.choice(("CRDT", "DBIT")) for _ in range(entries)]
    total = sum(
        (amount if side == "CRDT" else -amount for amount, side in zip(amounts, sides, strict=True)), Decimal(0)
    )
    opening = Decimal(10**9)
    text = "".join(
        _ENTRY.format(n=n, amount=amount, side=side, day=n % 28 + 1)
        for n, (amount, side) in enumerate(zip(amounts, sides, strict=True))
    )
    balances = _BALANCE.format(code="OPBD", amount=opening) + _BALANCE.format(code="CLBD", amount=opening + total)
    path.write_text(_FILE.format(balances=balances, entries=text), "utf-8")
    return total


def ours(path: Path, entries: int, times: int, total: Decimal) -> float:
    """Seconds of reading every entry with all its columns, and adding them up."""
    seconds = []
    for _ in range(times):
        started = time.monotonic()
        amounts = [Decimal(text) for block in transactions(path) for text in block.column("amount").to_pylist()]
        found = sum(amounts, Decimal(0))
        seconds.append(time.monotonic() - started)
        if (len(amounts), found) != (entries, total):
            sys.exit(f"read {len(amounts):,} entries, {found}, of {entries:,}, {total}")
    return min(seconds)


def landing(path: Path, folder: Path, entries: int) -> float:
    """Seconds from the dropped file to two durable batches."""
    settings = Settings(home=folder / "home", file_stable_seconds=0.0)
    inbox = settings.home / "inbox" / "bank"
    inbox.mkdir(parents=True)
    os.link(path, inbox / "statement.xml")
    config = load_source(CHECKOUT / "sources" / "templates" / "bank.yaml")
    collector = FileCollector(config, LocalBatchStore(settings.landing_dir), settings)
    started = time.monotonic()
    landed = collector.scan_once()
    seconds = time.monotonic() - started
    if sorted(manifest.rows for manifest in landed) != [1, entries]:
        sys.exit(f"landed {[manifest.rows for manifest in landed]}")
    return seconds


def other(name: str, path: Path, entries: int, times: int, total: Decimal) -> float:
    """Seconds a parser from PyPI takes; its sum must be ours."""
    found = rival("camt_parsers.py", name, str(path), str(times))
    if (found["entries"], Decimal(found["sum"])) != (entries, total):
        sys.exit(f"{name} read {found['entries']:,} entries, {found['sum']}, of {entries:,}, {total}")
    print(f"{name:20} {found['seconds']:.2f} s", flush=True)
    return float(found["seconds"])


def caught() -> list[str]:
    """Published statements that do not roll forward, of those that are installed beside the rivals."""
    (folder,) = (CHECKOUT / "benchmarks" / ".venv").glob(f"lib/python3*/site-packages/{SAMPLES}")
    samples = [path for path in sorted(folder.glob("test-camt053*")) if path.suffix != ".zip"]
    found = [path.name for path in samples if any("_defect" in statement for statement in statements(path))]
    if found != [ROLLS_FALSE]:
        sys.exit(f"of {[path.name for path in samples]}, {found} do not roll forward; {ROLLS_FALSE} does not")
    return found


def figures(entries: int, read: float, landed: float, theirs: dict[str, float]) -> list[Result]:
    """What is kept."""
    against = {name: round(seconds / read, 1) for name, seconds in theirs.items()}
    return [
        Result("camt.entries", entries, "entries"),
        Result("camt.read", round(read, 3), "s"),
        Result("camt.landed", round(landed, 3), "s"),
        *(Result(f"camt.{name}", round(seconds, 3), "s") for name, seconds in theirs.items()),
        *(Result(f"camt.against_{name}", times, "times", ">= 4") for name, times in against.items()),
    ]


if __name__ == "__main__":
    main()
