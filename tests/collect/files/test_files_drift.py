"""Columns that are new, missing, renamed or written in another way: evolve, freeze or quarantine, as the YAML says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from backoffice.sources import DriftPolicy, SourceConfig

Make = Callable[..., Any]
DECLARED = {"id": "INTEGER", "name": "VARCHAR", "amount": "DECIMAL(12,2)", "paid": "DATE"}
ROWS = "{}\n1,Åse,10.50,2026-01-01\n2,Bo,20.00,2026-01-02\n3,Cy,30.00,2026-01-03\n"


@pytest.fixture
def spend(inbox: Make) -> Callable[..., Any]:
    """An inbox of payments under a policy."""

    def make(drift: Any = None, **read: Any) -> Any:
        layout = {"pattern": "spend*.csv", "columns": DECLARED, "primary_key": ["id"]} | read
        return inbox(spend=layout | ({"drift": drift} if drift else {}))

    return make


def _land(inbox: Any, header: str, rows: str = ROWS) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    inbox.drop("spend.csv", rows.format(header))
    (manifest,) = inbox.land()
    return manifest.notes, inbox.rows(manifest)


def _kinds(notes: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(found["kind"], found["column"], found["choice"]) for found in notes["drift"]["columns"]]


def _defects(rows: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    return [json.loads(row["_defect"]) if row["_defect"] else None for row in rows]


def test_the_declared_columns_are_no_drift(spend: Make) -> None:
    notes, rows = _land(spend(), "id,name,amount,paid")
    assert "drift" not in notes
    assert _defects(rows) == [None, None, None]


def test_what_is_done_when_nothing_is_said() -> None:
    kinds = ("new", "missing", "renamed", "retyped")
    assert [DriftPolicy().choice(kind) for kind in kinds] == ["evolve", "quarantine", "evolve", "quarantine"]
    over = DriftPolicy.model_validate({"new": "freeze"}).over(DriftPolicy.model_validate("quarantine"))
    assert [over.choice(kind) for kind in kinds] == ["freeze", "quarantine", "quarantine", "quarantine"]


def test_a_read_wins_over_its_source_kind_by_kind(spend: Make) -> None:
    config = spend({"missing": "freeze"}).config().model_dump(by_alias=True)
    source = SourceConfig.model_validate(config | {"drift": "evolve"})
    assert source.drift_of("spend") == DriftPolicy(new="evolve", missing="freeze", renamed="evolve", retyped="evolve")


def test_a_new_column_is_kept_and_recorded(spend: Make) -> None:
    inbox = spend()
    notes, rows = _land(inbox, "id,tax code,name,amount,paid,", "{}\n1,T1,Åse,10,2026-01-01,x\n2,,Bo,20,2026-01-02,\n")
    assert notes["drift"] == {
        "file": "spend.csv",
        "read": "spend",
        "line": 1,
        "header": ["id", "tax code", "name", "amount", "paid", ""],
        "columns": [
            {"kind": "new", "column": "tax code", "header": "tax code", "choice": "evolve"},
            {"kind": "new", "column": "column_6", "choice": "evolve"},
        ],
    }
    assert [json.loads(row["_extra"]) for row in rows] == [
        {"tax code": "T1", "column_6": "x"},
        {"tax code": None, "column_6": None},
    ]
    assert [(row["name"], row["_defect"]) for row in rows] == [("Åse", None), ("Bo", None)]


def test_a_missing_column_is_null(spend: Make) -> None:
    notes, rows = _land(spend("evolve"), "id,name,amount", "{}\n1,Åse,10\n")
    assert _kinds(notes) == [("missing", "paid", "evolve")]
    assert (rows[0]["paid"], rows[0]["_defect"]) == (None, None)


def test_rows_without_a_column_wait_for_a_release(spend: Make) -> None:
    notes, rows = _land(spend(), "id,name,amount", "{}\n1,Åse,10\n2,Bo\n")
    assert _kinds(notes) == [("missing", "paid", "quarantine")]
    first, second = _defects(rows)
    assert first == {
        "rule": "drift",
        "column": "paid",
        "value": "drift: column 'paid' is missing",
        "message": "drift: column 'paid' is missing; the whole file waits for a release",
        "line": 1,
    }
    assert second is not None
    assert (second["rule"], second["line"]) == ("structure", 3)
    assert rows[0]["name"] == "Åse"


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("id,name,amount,paid,tax", "column 'tax' is not declared"),
        ("id,name,amount", "column 'paid' is missing"),
        ("id,name,net,paid", "column 'amount' is called 'net'"),
        ("id,Name,amount,paid", "column 'name' is missing; column 'Name' is not declared"),
    ],
)
def test_frozen_drift_sets_the_file_aside_and_names_the_column(spend: Make, header: str, named: str) -> None:
    inbox = spend("freeze", aliases={"amount": ["net"]})
    inbox.drop("spend.csv", f"{header}\n1,2,3,4,5\n")
    assert inbox.land() == []
    assert named in json.loads(inbox.errors()[0])["what"]


def test_a_renamed_column_is_followed_by_its_alias_only(spend: Make) -> None:
    inbox = spend({"missing": "evolve"}, aliases={"amount": ["net", "Net Amount"]})
    notes, rows = _land(inbox, "id,Net Amount,name,paid", "{}\n1,10,Åse,2026-01-01\n")
    assert _kinds(notes)[0] == ("renamed", "amount", "evolve")
    assert rows[0]["amount"] == "10"
    inbox.drop("spend2.csv", "id,net amount,name,paid\n1,10,Åse,2026-01-01\n")
    (manifest,) = inbox.land()
    assert _kinds(manifest.notes)[:2] == [("missing", "amount", "evolve"), ("new", "net amount", "evolve")]
    assert inbox.rows(manifest)[0]["amount"] is None


def test_two_aliases_in_one_header_are_refused(spend: Make) -> None:
    inbox = spend(aliases={"amount": ["net", "gross"]})
    inbox.drop("spend.csv", "id,name,net,gross,paid\n1,Åse,1,2,2026-01-01\n")
    assert inbox.land() == []
    assert "'net', 'gross' are both aliases of column 'amount'" in json.loads(inbox.errors()[0])["what"]


def test_a_folded_header_ignores_case_and_blanks(spend: Make) -> None:
    inbox = spend("freeze", dialect={"fold_header": True}, aliases={"amount": ["Amount (GBP)"]})
    inbox = spend({"renamed": "evolve"}, dialect={"fold_header": True}, aliases={"amount": ["Amount (GBP)"]})
    notes, rows = _land(inbox, " ID ,NAME, amount  (gbp),Paid")
    assert _kinds(notes) == [("renamed", "amount", "evolve")]
    assert [row["amount"] for row in rows] == ["10.50", "20.00", "30.00"]


def test_columns_in_another_order_are_found_by_name(spend: Make) -> None:
    notes, rows = _land(spend("freeze"), "paid,amount,name,id", "{}\n2026-01-01,10,Åse,1\n")
    assert [kind for kind, _, _ in _kinds(notes)] == ["moved"] * 3
    assert [rows[0][name] for name in DECLARED] == ["1", "Åse", "10", "2026-01-01"]


@pytest.mark.parametrize("header", ["name,amount,paid", "id,supplier,x,y,z"])
def test_another_tables_file_is_set_aside_whatever_the_policy(spend: Make, header: str) -> None:
    inbox = spend("evolve")
    inbox.drop("spend.csv", f"{header}\n1,2,3,4,5\n")
    assert inbox.land() == []
    assert "or it is another table's" in json.loads(inbox.errors()[0])["rule"]


def test_a_name_that_stands_twice_is_nobody_s_until_an_alias_says_which(spend: Make) -> None:
    header, rows = "id,name,amount,paid,amount ", "{}\n1,Åse,10,2026-01-01,20\n"
    notes, landed = _land(spend("evolve"), header, rows)
    assert _kinds(notes) == [
        ("missing", "amount", "evolve"),
        ("new", "amount#1", "evolve"),
        ("new", "amount#2", "evolve"),
    ]
    assert json.loads(landed[0]["_extra"]) == {"amount#1": "10", "amount#2": "20"}
    second = spend("evolve", pattern="again*.csv", aliases={"amount": ["amount#2"]})
    second.drop("again.csv", rows.format(header) + "2,Bo,1,2026-01-01,2\n")
    (manifest,) = second.land()
    assert [row["amount"] for row in second.rows(manifest)] == ["20", "2"]


DANISH = '{}\n1,Åse,"1,50",2026-01-01\n2,Bo,2.000,2026-01-02\n3,Cy,"3,50",2026-01-03\n4,Di,"4,50",2026-01-04\n'
AMERICAN = "{}\n1,Åse,1,12/31/2026\n2,Bo,2,11/30/2026\n3,Cy,3,2026-01-01\n4,Di,4,10/31/2026\n"


def test_a_column_under_another_decimal_mark_holds_the_whole_file_back(spend: Make) -> None:
    notes, rows = _land(spend(), "id,name,amount,paid", DANISH)
    assert notes["drift"]["columns"] == [
        {"kind": "retyped", "column": "amount", "choice": "quarantine", "detail": "1,50"}
    ]
    assert [found and found["column"] for found in _defects(rows)] == ["amount"] * 4  # also 2.000, which may be 2000
    assert [row["amount"] for row in rows] == ["1,50", "2.000", "3,50", "4,50"]


def test_dates_in_another_format_land_as_text_with_a_defect_where_they_cannot_be_read(spend: Make) -> None:
    notes, rows = _land(spend({"retyped": "evolve"}), "id,name,amount,paid", AMERICAN)
    assert _kinds(notes) == [("retyped", "paid", "evolve")]
    found = _defects(rows)
    assert [defect and defect["value"] for defect in found] == ["12/31/2026", "11/30/2026", None, "10/31/2026"]
    assert found[0] == {
        "rule": "drift",
        "column": "paid",
        "value": "12/31/2026",
        "message": "retyped: cannot be read as DATE",
    }


def test_a_frozen_retyped_column_lands_nothing(spend: Make) -> None:
    inbox = spend({"retyped": "freeze"})
    inbox.drop("spend.csv", AMERICAN.format("id,name,amount,paid"))
    assert inbox.land() == []
    assert "column 'paid' is written in another way" in json.loads(inbox.errors()[0])["what"]


def test_a_few_bad_values_are_bad_rows_and_no_drift(spend: Make) -> None:
    notes, rows = _land(spend("freeze"), "id,name,amount,paid", "{}\n1,Åse,x,2026-01-01\n2,Bo,y,2026-01-01\n")
    assert "drift" not in notes
    assert _defects(rows) == [None, None]  # judged by the gate, as every value is


def test_the_formats_of_the_dialect_are_no_drift(spend: Make) -> None:
    dialect = {"decimal": ",", "thousands": ".", "date_format": "%d.%m.%Y"}
    notes, _ = _land(
        spend("freeze", dialect=dialect),
        "id,name,amount,paid",
        '{}\n1,a,"1.234,50",31.12.2026\n2,b,"1,5",30.12.2026\n3,c,7,29.12.2026\n',
    )
    assert "drift" not in notes


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("id,name,amount\n1,Åse,10\n", "a file held back"),
        ("id,name,amount,paid\n1,Åse,10,2026-01-01\n2,Bo\n", "a record that was not split"),
        ("id,name,amount,paid\n1,Åse,10,2026-01-01\n,Bo,10,2026-01-01\n", "a record without its key"),
        ("id,name,amount,paid\n1,Åse,10,2026-01-01\nx,Bo,10,2026-01-01\n", "a key that cannot be read"),
    ],
)
def test_a_whole_table_with_holes_deletes_nothing(spend: Make, content: str, why: str) -> None:
    inbox = spend(full=True)
    inbox.drop("spend.csv", content)
    (manifest,) = inbox.land()
    assert (manifest.tables[0].full, manifest.notes["deletes_nothing"]) == (False, True), why
    inbox.drop("spend.csv", "id,name,amount,paid\n1,Åse,10,2026-01-01\n", mtime=1_700_000_100)
    (manifest,) = inbox.land()
    assert manifest.tables[0].full
    assert "deletes_nothing" not in manifest.notes


@pytest.mark.parametrize(
    "read",
    [
        {"drift": "ignore"},
        {"drift": {"renewed": "evolve"}},
        {"aliases": {"tax": ["vat"]}},
        {"aliases": {"amount": ["name"]}},
        {"aliases": {"amount": ["net"], "paid": ["net"]}},
    ],
)
def test_a_policy_nobody_can_follow_is_refused(spend: Make, read: dict[str, Any]) -> None:
    drift = read.pop("drift", None)
    with pytest.raises(ValidationError):
        spend(drift, **read).config()
