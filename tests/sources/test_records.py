from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from backoffice.sources.records import Misfit, as_json, converted, converter, supported, value_at

_DECODE = msgspec.json.Decoder(float_hook=Decimal)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("VARCHAR", '"æ"', "æ"),
        ("VARCHAR", "12345678901234567890.10", "12345678901234567890.10"),
        ("VARCHAR", "true", "true"),
        ("VARCHAR", '{"b": [1.10]}', '{"b":[1.10]}'),
        ("JSON", '"x"', '"x"'),
        ("BOOLEAN", "false", False),
        ("INTEGER", "-2147483648", -(2**31)),
        ("INTEGER", "1e3", 1000),
        ("BIGINT", '"9223372036854775807"', 2**63 - 1),
        ("DECIMAL(9,2)", "1.10", Decimal("1.10")),
        ("DECIMAL(9,2)", '"1e2"', Decimal(100)),
        ("DECIMAL(9,2)", "0.000", Decimal(0)),
        (
            "DECIMAL(38, 18)",
            "12345678901234567890.123456789012345678",
            Decimal("12345678901234567890.123456789012345678"),
        ),
        ("DOUBLE", "0.1", 0.1),
        ("DATE", '"2024-02-29"', date(2024, 2, 29)),
        ("TIMESTAMPTZ", '"2026-11-23T08:30:00.25+01:00"', datetime(2026, 11, 23, 7, 30, 0, 250_000, UTC)),
        ("TIMESTAMPTZ", '"2026-11-23t08:30:00z"', datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("TIMESTAMP", '"2026-11-23 08:30:00"', datetime(2026, 11, 23, 8, 30)),
    ],
)
def test_a_value_of_the_type(kind: str, text: str, value: Any) -> None:
    found = converter(kind)(_DECODE.decode(text))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("VARCHAR", '"a\\u0000b"'),
        ("BOOLEAN", "1"),
        ("BOOLEAN", '"true"'),
        ("INTEGER", "1.5"),
        ("INTEGER", "2147483648"),
        ("INTEGER", "true"),
        ("INTEGER", '"1_000"'),
        ("INTEGER", "[]"),
        ("BIGINT", "1e400"),
        ("DECIMAL(9,2)", "1.105"),
        ("DECIMAL(9,2)", "10000000"),
        ("DECIMAL(9,2)", "1e999"),
        ("DECIMAL(9,2)", '"NaN"'),
        ("DECIMAL(9,2)", '"1,5"'),
        ("DOUBLE", "1e400"),
        ("DATE", '"20261123"'),
        ("DATE", '"2026-02-30"'),
        ("DATE", "20261123"),
        ("TIMESTAMPTZ", '"2026-11-23T08:30:00"'),
        ("TIMESTAMPTZ", '"0001-01-01T00:00:00+10:00"'),
        ("TIMESTAMPTZ", '"2026-11-23T08:30:60Z"'),
        ("TIMESTAMPTZ", "1795000000"),
        ("TIMESTAMP", '"2026-11-23T08:30:00Z"'),
    ],
)
def test_a_value_of_another_type(kind: str, text: str) -> None:
    with pytest.raises(ValueError):
        converter(kind)(_DECODE.decode(text))


def test_types_without_a_json_value_are_not_supported() -> None:
    assert supported("numeric(9,2)") and supported("timestamptz")
    assert not any(supported(kind) for kind in ("BLOB", "UUID", "DECIMAL", "INTEGER[]", ""))


def test_where_a_value_is() -> None:
    data = {"a": {"b": [{"c": 1}]}, "x.y": 2}
    assert value_at(data, "a.b.0.c") == 1
    assert [value_at(data, path) for path in ("a.b.1.c", "a.q", "x.y", "a.q.r")] == [None] * 4
    for path in ("a.b.c", "a.b.-1", "a.b.0.c.d"):
        with pytest.raises(ValueError, match="there is no"):
            value_at(data, path)


def test_a_record_s_columns_and_what_does_not_fit() -> None:
    columns = {"id": "BIGINT", "x.y": "VARCHAR", "at": "TIMESTAMPTZ", "city": "VARCHAR", "n": "INTEGER"}
    paths = {"at": "$time", "city": "place.city"}
    data = _DECODE.decode('{"id": 7, "x.y": "dot", "place": {"city": "Aarhus"}, "n": {"a": 1.50}, "more": 1}')
    values, misfits = converted(columns, paths, data, {"$time": "2026-01-01T00:00:00Z"})
    assert values == {
        "id": 7,
        "x.y": "dot",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "city": "Aarhus",
        "n": None,
    }
    assert misfits == [Misfit("n", '{"a":1.50}', "no number")]
    assert converted({"id": "BIGINT"}, {}, {}, {}) == ({"id": None}, [])


def test_decimals_are_written_with_all_their_digits() -> None:
    text = '{"a":[1.10,12345678901234567890.123456789,null,true,"é"]}'
    assert as_json(_DECODE.decode(text)) == text
