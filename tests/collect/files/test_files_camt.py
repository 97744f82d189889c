"""Bank statements land as what the bank booked, signed, to the last cent; anything else is set aside whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.collect.files.camt import balance, camt, detail, entry, rows

from backoffice.collect.files.camt import statements, transactions
from backoffice.errors import FileSetAsideError
from backoffice.sources import ReadTable

BOTH = {
    "statement": {"pattern": "*.xml", "format": "camt", "part": "statement"},
    "entry": {"pattern": "*.xml", "format": "camt", "part": "entry"},
}


@pytest.fixture
def parsed(tmp_path: Path) -> Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Statements and transactions of a file's text."""

    def parse(text: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        path = tmp_path / "in.xml"
        path.write_text(text, encoding="utf-8")
        return list(statements(path)), rows(path)

    return parse


def test_a_statement_with_its_balances(parsed: Any) -> None:
    ((statement,), _) = parsed(camt(entry("150.00"), entry("50.00", "DBIT")))
    assert statement == {
        "statement_id": "S1",
        "message_id": "M1",
        "kind": "statement",
        "account": "DK7320000012345678",
        "iban": "DK7320000012345678",
        "currency": "DKK",
        "bank_bic": "NDEADKKK",
        "sequence_number": "41",
        "legal_sequence_number": None,
        "created_at": "2026-03-03T06:00:00+01:00",
        "from_date": "2026-03-01",
        "to_date": "2026-03-02",
        "opening_balance": "-10.00",
        "opening_date": "2026-03-01",
        "closing_balance": "90.00",
        "closing_date": "2026-03-02",
        "entries": "2",
    }


def test_an_entry_with_its_transaction(parsed: Any) -> None:
    _, (row,) = parsed(camt(entry("1234567890123.05", details=detail())))
    assert row == {
        "statement_id": "S1",
        "account": "DK7320000012345678",
        "iban": "DK7320000012345678",
        "position": "1",
        "detail": "1",
        "details": "1",
        "reference": "R1",
        "entry_reference": "N1",
        "amount": "1234567890123.05",
        "currency": "DKK",
        "status": "BOOK",
        "is_reversal": "false",
        "booking_date": "2026-03-02",
        "value_date": "2026-03-02",
        "bank_code": "PMNT/RCDT/ESCT",
        "end_to_end_id": "E1",
        "transaction_id": None,
        "mandate_id": None,
        "counterparty_name": "Ada",
        "counterparty_iban": "DK5000400440116243",
        "remittance_text": "inv 1\ninv 2",
        "additional_text": None,
    }


def test_money_out_is_negative_and_names_the_creditor(parsed: Any) -> None:
    _, (row,) = parsed(camt(entry("7.25", "DBIT", detail(), reversal="true")))
    assert (row["amount"], row["counterparty_name"], row["counterparty_iban"], row["is_reversal"]) == (
        "-7.25",
        "Us",
        None,
        "true",
    )


def test_a_statement_that_does_not_roll_forward_has_a_defect(parsed: Any) -> None:
    pending = entry("7.00").replace("BOOK", "PDNG")
    ((good,), _) = parsed(camt(entry("150.00"), entry("50.00", "DBIT"), pending))
    assert "_defect" not in good
    ((bad,), _) = parsed(camt(entry("150.00"), entry("50.01", "DBIT")))
    assert json.loads(bad["_defect"]) == {
        "rule": "roll_forward",
        "column": "closing_balance",
        "value": "90.00",
        "message": "opening -10.00 + entries 99.99 is not closing 90.00",
    }
    one, two = camt(entry("1.00")), camt(entry("100.00"), statement="S2")
    both = one.replace("</BkToCstmrStmt></Document>", two[two.index("<Stmt>") :])
    (first, second), _ = parsed(both)
    assert "_defect" in first and "_defect" not in second


@pytest.mark.parametrize(
    ("amounts", "rows"),
    [
        (("60.00", "40.00"), ["60.00", "40.00"]),
        (("60.00", "39.99"), ["100.00"]),  # they do not add up
        (("60.00", ""), ["100.00"]),  # one does not say
    ],
)
def test_a_batch_is_split_only_where_its_parts_add_up(parsed: Any, amounts: tuple[str, ...], rows: list[str]) -> None:
    _, found = parsed(camt(entry("100.00", details="".join(map(detail, amounts))), entry("5.00")))
    assert [row["amount"] for row in found] == [*rows, "5.00"]
    assert [(row["position"], row["detail"]) for row in found] == [
        *[("1", str(number)) for number in range(1, len(rows) + 1)],
        ("2", "1"),
    ]
    assert found[0]["details"] == "2"


def test_a_batch_in_another_currency_is_not_split(parsed: Any) -> None:
    parts = detail("60.00", currency="EUR") + detail("40.00", currency="EUR")
    _, found = parsed(camt(entry("100.00", details=parts)))
    assert [row["amount"] for row in found] == ["100.00"]


def test_an_entry_that_does_not_say_its_direction_has_no_amount(parsed: Any) -> None:
    """The gate of the contract keeps it out: a required amount is missing."""
    _, (row,) = parsed(camt(entry().replace("<CdtDbtInd>CRDT</CdtDbtInd>", "")))
    assert row["amount"] is None


def test_the_balance_before_stands_for_an_opening_one(parsed: Any) -> None:
    ((statement,), _) = parsed(camt(balances=balance("PRCD", "1.00") + balance("CLBD", "2.00", "DBIT")))
    assert (statement["opening_balance"], statement["closing_balance"]) == ("1.00", "-2.00")


@pytest.mark.parametrize("namespace", ["urn:iso:std:iso:20022:tech:xsd:camt.053.001.02", "urn:a:bank:of:its:own"])
def test_any_version_is_read_by_structure(parsed: Any, namespace: str) -> None:
    assert len(parsed(camt(entry(), namespace=namespace))[1]) == 1


def test_several_statements_keep_their_entries(tmp_path: Path) -> None:
    one, two = camt(entry("1.00"), entry("2.00")), camt(entry("3.00"), statement="S2")
    body = two[two.index("<Stmt>") : two.index("</Stmt>") + len("</Stmt>")]
    path = tmp_path / "in.xml"
    path.write_text(one.replace("</Stmt>", f"</Stmt>{body}"))
    assert [(row["statement_id"], row["entries"]) for row in statements(path)] == [("S1", "2"), ("S2", "1")]
    found = [(row["statement_id"], row["position"], row["amount"]) for row in rows(path)]
    assert found == [("S1", "1", "1.00"), ("S1", "2", "2.00"), ("S2", "1", "3.00")]


def test_entries_of_many_shapes_stand_side_by_side(parsed: Any) -> None:
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
    bare, partly, own = entry("1.00"), entry("2.00"), entry("3.00")
    bare = bare.replace(code, "")
    partly = partly.replace("<SubFmlyCd>ESCT</SubFmlyCd>", "<SubFmlyCd> </SubFmlyCd>")
    own = own.replace(code, "<BkTxCd><Prtry><Cd> OWN </Cd></Prtry></BkTxCd>")
    twice = entry("4.00").replace("</Ntry>", "<AddtlNtryInf>a</AddtlNtryInf><AddtlNtryInf>b</AddtlNtryInf></Ntry>")
    _, found = parsed(camt(bare, partly, own, twice, bare.replace("1.00", "5.00")))
    assert [(row["amount"], row["bank_code"], row["additional_text"]) for row in found] == [
        ("1.00", None, None),
        ("2.00", "PMNT/RCDT", None),
        ("3.00", "OWN", None),
        ("4.00", "PMNT/RCDT/ESCT", "a\nb"),
        ("5.00", None, None),
    ]


def test_a_large_file_is_a_stream_and_says_the_same(parsed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = camt(entry("1.00"), entry(details=detail("60.00") + detail("40.00"))), camt(entry("3.00"))
    text = one.replace("</Stmt>", f"</Stmt>{two[two.index('<Stmt>') : two.index('</Stmt>') + len('</Stmt>')]}")
    whole = parsed(text)
    monkeypatch.setattr("backoffice.collect.files.camt._WHOLE", 0)
    monkeypatch.setattr("backoffice.collect.files.camt._ROWS", 2)
    assert parsed(text) == whole
    assert [len(rows) for rows in whole] == [2, 4]


def test_a_file_is_parsed_once_for_both_parts(tmp_path: Path) -> None:
    """The private copy of the next file lies at the same path: only the content tells them apart."""
    path = tmp_path / "copy"
    path.write_text(camt(entry("1.00")))
    assert len(list(statements(path, "first"))) == 1
    path.write_text(camt(entry("2.00")))
    amounts = [block.column("amount").to_pylist() for name in ("first", "second") for block in transactions(path, name)]
    assert amounts == [["1.00"], ["2.00"]]


def test_a_large_file_is_summed_to_the_cent(tmp_path: Path) -> None:
    path = tmp_path / "in.xml"
    amounts = [f"{number % 977}.{number % 100:02}" for number in range(5000)]
    path.write_text(camt(*(entry(amount, "DBIT" if n % 3 else "CRDT") for n, amount in enumerate(amounts))))
    wanted = sum(Decimal(amount) * (-1 if n % 3 else 1) for n, amount in enumerate(amounts))
    assert sum(Decimal(row["amount"] or "") for row in rows(path)) == wanted


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">' + "".join(
    f'<!ENTITY b{n} "{f"&b{n - 1 if n else chr(32).strip()};" * 10}">' for n in range(8)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (camt(entry())[:-30], "line "),
        (camt(entry()).replace("<Ntry>", "<Ntry", 1), "line "),
        (camt(entry()).replace("</Document>", "</Document><x/>"), "Extra content"),
        (BOMB + "]>" + camt(entry())[38:].replace("Ada", "&b7;"), "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd">' + camt(entry())[38:], "document type"),
        ("<html><body>Session expired</body></html>", "no statement"),
        ("", "the file is empty"),
        ("not XML", "line "),
        (camt(entry()).replace("N1", "\x00"), "line "),
        (camt(entry()).replace("N1", "x" * (11 << 20)), "line "),
    ],
)
def test_what_is_no_statement_is_set_aside(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "in.xml"
    path.write_text(text, encoding="utf-8")
    for parse in (statements, transactions):
        with pytest.raises(FileSetAsideError, match=said):
            list(parse(path))


def test_both_parts_of_a_file_land_once(inbox: Callable[..., Any]) -> None:
    files = inbox(**BOTH)
    files.drop("day.xml", camt(entry("1.00"), entry("2.00", "DBIT")))
    landed = {manifest.tables[0].name: manifest for manifest in files.land()}
    assert set(landed) == {"statement", "entry"}
    assert [row["amount"] for row in files.rows(landed["entry"])] == ["1.00", "-2.00"]
    assert [row["_row_no"] for row in files.rows(landed["entry"])] == [1, 2]
    events = [row["_event_id"] for manifest in landed.values() for row in files.rows(manifest)]
    assert len(set(events)) == 3
    assert files.land() == [] and files.land(files.collector()) == []


def test_a_file_that_was_cut_off_lands_nothing_of_either_part(inbox: Callable[..., Any]) -> None:
    files = inbox(**BOTH)
    files.drop("bad.xml", camt(*(entry() for _ in range(50)))[:-60])
    files.drop("good.xml", camt(entry()), mtime=1_700_000_001)
    assert [manifest.offset["file"] for manifest in files.land()] == ["good.xml", "good.xml"]
    assert len(files.errors()) == 2 and all("bad.xml" in line for line in files.errors())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"part": "balance"}, "a camt file has statement, entry"),
        ({}, "a camt file has statement, entry"),
        ({"part": "entry", "columns": {"a": "VARCHAR"}}, "columns: not for format camt"),
    ],
)
def test_a_read_that_cannot_be_followed_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ReadTable.model_validate({"pattern": "*.xml", "format": "camt"} | values)
    with pytest.raises(ValidationError, match="has one kind of rows"):
        ReadTable.model_validate({"pattern": "*", "columns": {"a": "VARCHAR"}, "primary_key": ["a"], "part": "x"})
