"""SAF-T Financial: the Norwegian authority's own example, and files that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.data import shared_data

from backoffice.collect.files.findings import findings_of
from backoffice.collect.files.saft import accounts, file_warning, files, lines, transactions

READS = {
    part: {"pattern": "*.xml", "format": "saft", "part": part} for part in ("file", "account", "transaction", "line")
}
BOMB = '<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx">' + "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 9))


@pytest.fixture
def example() -> Path:
    return shared_data("saf-t/saft_no_888.xml")


def _sum(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def test_the_authoritys_example(example: Path) -> None:
    journal, entries, ledger = list(transactions(example)), list(lines(example)), list(accounts(example))
    assert (len(journal), len(ledger)) == (53, 22)
    assert [row for row in journal if Decimal(row["debit"]) != Decimal(row["credit"])] == []
    assert sum(int(row["lines"]) for row in journal) == len(entries)
    assert _sum(entries, "debit") == _sum(entries, "credit") == Decimal("9487049.35")
    first = entries[0]
    assert (first["company"], first["currency"], first["journal_id"]) == ("888888888", "NOK", "123ABC")
    assert (first["transaction_id"], first["position"], first["account_id"]) == ("1001", "1", "4000")
    assert (first["debit"], first["credit"], first["posting_date"]) == ("10000", "0", "2017-01-05")
    assert (first["tax_code"], first["tax_amount"]) == ("1", "2500")


def test_accounts_that_do_not_roll_forward_warn_and_block_nothing(example: Path, inbox: Callable[..., Any]) -> None:
    off = [row for row in accounts(example) if Decimal(row["difference"])]
    assert len(off) == 3
    files = inbox(**READS)
    files.drop("ledger.xml", example.read_bytes())
    landed = {manifest.tables[0].name: manifest for manifest in files.land()}
    assert (landed["account"].rows, landed["transaction"].rows) == (22, 53)
    assert landed["line"].rows == sum(int(row["lines"]) for row in files.rows(landed["transaction"]))
    warned = landed["account"].notes["warnings"]["what"]
    assert [text.split(":")[0] for text in warned] == [f"account {row['account_id']}" for row in off]
    assert all(row["_defect"] is None for row in files.rows(landed["account"]))
    ((file, said),) = findings_of(files.settings, "hr")
    assert file.startswith("ledger.xml") and said.startswith("accepted, but: account ")


def test_a_file_states_its_totals_and_is_told_when_they_are_wrong(example: Path, inbox: Callable[..., Any]) -> None:
    (row,) = files(example)
    assert (row["period_from"], row["period_to"], row["stated_transactions"]) == ("2017-01", "2017-04", "53")
    assert row["stated_debit"] == row["debit"] == row["credit"] == "9487049.35" and file_warning(row) == ""
    folder = inbox(file=READS["file"])
    text = example.read_text("utf-8-sig")
    folder.drop("ledger.xml", text.replace("TotalDebit>9487049.35", "TotalDebit>9487049.36").replace(">53<", ">54<"))
    (landed,) = folder.land()
    ((said),) = landed.notes["warnings"]["what"]
    assert said == (
        "the file's entries are not what it states: transactions 53, stated 54; debit 9487049.35, stated 9487049.36"
    )
    ((kept),) = folder.rows(landed)
    assert (kept["stated_debit"], kept["debit"], kept["_defect"]) == ("9487049.36", "9487049.35", None)


def test_a_file_without_totals_states_nothing(example: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.xml"
    kept = [line for line in example.read_text("utf-8-sig").splitlines() if "Total" not in line and ">53<" not in line]
    bare.write_text("\n".join(kept), "utf-8")
    (row,) = files(bare)
    assert row["transactions"] == "53" and "stated_debit" not in row and file_warning(row) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-400], "line "),
        (lambda text: text.replace("<n1:Header>", "<n1:Header", 1), "line "),
        (lambda text: BOMB + "]>" + text.partition("?>")[2].replace("GL<", "&b8;<"), "document type"),
        (lambda text: '<!DOCTYPE a SYSTEM "file:///etc/passwd">' + text.partition("?>")[2], "document type"),
        (lambda _: "<Invoice><Account/></Invoice>", "no header of a SAF-T file"),
        (lambda _: "", "the file is empty"),
    ],
    ids=["cut", "syntax", "bomb", "external", "other", "empty"],
)
def test_a_malformed_file_is_set_aside(
    example: Path, inbox: Callable[..., Any], change: Callable[[str], str], said: str
) -> None:
    files = inbox(line=READS["line"])
    files.drop("ledger.xml", change(example.read_text("utf-8-sig")))
    assert files.land() == []
    (entry,) = map(json.loads, files.errors())
    assert said in entry["what"]
