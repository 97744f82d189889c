"""What the landing gate diverts, under which rule, and what it leaves alone."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from tests.validate.conftest import World

from backoffice.errors import ValidationError


@pytest.mark.parametrize(
    ("changes", "rule", "column", "value"),
    [
        ({"id": None}, "line.line_id.required", "line_id", None),
        ({"qty": Decimal("-3")}, "line.ordered_qty.minimum", "ordered_qty", "-3.0000"),
        ({"qty": Decimal("0.4999")}, "line.ordered_qty.minimum", "ordered_qty", "0.4999"),
        ({"discount": Decimal("100.0001")}, "line.discount_pct.range", "discount_pct", "100.0001"),
        ({"currency": "dkk"}, "line.currency_code.pattern", "currency_code", "dkk"),
        ({"currency": None}, "line.currency_code.required", "currency_code", None),
        ({"state": "x"}, "line.status.enum", "status", "UNMAPPED:x"),
        ({"due": "31/01/2026"}, "line.type", "promised_date", None),
        (
            {"qty": None, "_defect": '{"rule": "type", "column": "qty", "value": "NaN"}'},
            "line.readable",
            "qty",
            "NaN",
        ),
    ],
)
def test_bad_row_is_diverted_under_its_rule(
    world: World, changes: dict, rule: str, column: str, value: str | None
) -> None:
    result = world.judge_rows(world.good(id="A"), world.good(**{"id": "B"} | changes), world.good(id="C"))
    assert result.quarantined == 1
    assert set(result.by_rule) - {"lines.id.required"} == {rule}
    found = world.query(f"SELECT row_no, column_name, severity, suite FROM meta.verdict WHERE rule = '{rule}'")
    assert found == [(2, column, "error", "sales.order/line")]
    assert world.query(f"SELECT value FROM meta.verdict WHERE rule = '{rule}'") == [(value,)]
    assert world.query("SELECT batch_id, row_no FROM meta.quarantined") == [("shop-0000000001", 2)]


def test_good_rows_leave_no_verdict_but_are_counted(world: World) -> None:
    result = world.judge_rows(world.good(), world.good(id="L2", qty=Decimal("0.5"), discount=None, kind=None))
    assert (result.judged, result.quarantined, result.by_rule) == (2, 0, {})
    assert world.query("SELECT source, table_name, suite, judged_rows, failed_rows FROM meta.judged") == [
        ("shop", "lines", "sales.order/line", 2, 0)
    ]


def test_several_versions_of_one_key_are_normal(world: World) -> None:
    assert world.judge_rows(world.good(), world.good(qty=Decimal(3)), world.good(_op="u")).quarantined == 0


def test_verdict_holds_the_whole_source_row(world: World) -> None:
    world.judge_rows(world.good(qty=Decimal("-12345678901234.5678"), _op="u"))
    ((text, version),) = world.query("SELECT row_json, suite_version FROM meta.verdict")
    row = json.loads(text, parse_float=Decimal)
    assert row["qty"] == Decimal("-12345678901234.5678")
    assert (row["state"], row["_op"], row["_batch_id"], row["_row_no"]) == ("o", "u", "shop-0000000001", 1)
    assert row["_event_at"].startswith("2026-01-02 03:04:05")
    assert not {"_generation", "_batch_seq", "_derived"} & set(row)
    assert version.startswith("1.2.0+")


def test_row_breaking_two_rules_is_quarantined_once(world: World) -> None:
    result = world.judge_rows(world.good(qty=Decimal(-1), currency="x"))
    assert result.quarantined == 1
    assert world.rules() == [(1, "line.currency_code.pattern"), (1, "line.ordered_qty.minimum")]
    assert world.query("SELECT count(*) FROM meta.quarantined") == [(1,)]


def test_warning_is_recorded_and_diverts_nothing(world: World) -> None:
    result = world.judge_rows(world.good(kind="odd"))
    assert (result.quarantined, result.by_rule) == (0, {"line.kind.enum": 1})
    assert world.query("SELECT rule, severity, value FROM meta.verdict") == [("line.kind.enum", "warning", "odd")]
    assert world.query("SELECT * FROM meta.quarantined") == []
    assert world.query("SELECT failed_rows FROM meta.judged") == [(0,)]


def test_accepted_column_may_be_missing_and_an_unmapped_one_is_not_judged(world: World) -> None:
    suite = (world.settings.expectations_dir / "sales.order" / "line.json").read_text()
    assert "line.warehouse_id.required" in suite
    assert "line.unit_price.minimum" in suite
    assert world.judge_rows(world.good()).by_rule == {}


def test_delete_is_judged_as_a_delete(world: World) -> None:
    result = world.judge_rows({"id": "L1", "_op": "d"}, {"id": None, "_op": "d"}, {"_op": "t"})
    assert result.quarantined == 1
    assert world.rules() == [(2, "line.line_id.required"), (2, "lines.id.required")]
    suites = world.query("SELECT suite, judged_rows, failed_rows FROM meta.judged ORDER BY ALL")
    assert suites == [("sales.order/line.deletes", 2, 1), ("shop/lines", 1, 1)]


def test_deletes_concluded_at_loading_are_not_judged(world: World) -> None:
    world.judge_rows(world.good(), world.good(id="L2"))
    world.judge_rows({"_op": "t"})
    assert world.query("SELECT count(*) FROM raw.shop__lines WHERE _derived") == [(2,)]
    assert world.query("SELECT count(*) FROM meta.judged") == [(1,)]


def test_read_without_a_mapping_is_judged_by_its_own_key(world: World) -> None:
    rows = [{"id": 1, "body": "a"}, {"id": None, "body": "b"}, {"id": 3, "_defect": '{"column": "body"}'}]
    assert world.judge_rows(*rows, read="notes").quarantined == 2
    assert world.rules() == [(2, "notes.id.required"), (3, "notes.readable")]


def test_only_new_rows_are_judged(world: World) -> None:
    world.judge_rows(world.good(qty=Decimal(-1)))
    result = world.judge_rows(world.good(qty=Decimal(-2)), world.good())
    assert (result.judged, result.quarantined) == (2, 1)
    assert world.query("SELECT batch_id, row_no FROM meta.verdict ORDER BY ALL") == [
        ("shop-0000000001", 1),
        ("shop-0000000002", 1),
    ]


def test_every_one_of_many_bad_rows_is_named(world: World) -> None:
    rows = [world.good(id=str(n), qty=Decimal(-1) if n % 2 else Decimal(1), currency="dk") for n in range(20_000)]
    result = world.judge_rows(*rows)
    assert result.by_rule == {"line.ordered_qty.minimum": 10_000, "line.currency_code.pattern": 20_000}
    assert world.query("SELECT count(*), count(DISTINCT row_no) FROM meta.quarantined") == [(20_000, 20_000)]


def test_expectation_that_cannot_be_computed_is_an_error_not_a_pass(world: World) -> None:
    world.change_column("currency_code", pattern="(?=lookahead)")
    with pytest.raises(ValidationError, match="could not be judged") as caught:
        world.judge_rows(world.good())
    assert caught.value.rule == "line.currency_code.pattern"
    assert world.store.last("_verdicts") is None
    assert world.query("SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'judging%'") == [(0,)]
    world.change_column("currency_code", pattern="^[A-Z]{3}$")
    assert world.validate().judged == 1


def test_expectation_gx_cannot_read_is_an_error(world: World) -> None:
    path = world.settings.expectations_dir / "sales.order" / "line.json"
    path.write_text(path.read_text().replace('"value_set"', '"values"'))
    with pytest.raises(ValidationError, match="value_set"):
        world.judge_rows(world.good())


def test_missing_suite_names_the_command(world: World) -> None:
    (world.settings.expectations_dir / "sales.order" / "line.json").unlink()
    with pytest.raises(ValidationError, match="contracts build"):
        world.judge_rows(world.good())
