"""Every record of a file lands as it stands there: a row, or a defect in its place."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data import shared_data

from backoffice.collect.files.reader import FileRows, write_parquet
from backoffice.collect.files.records import Stamp
from backoffice.errors import FileSetAsideError
from backoffice.landing import envelope_schema
from backoffice.settings import Settings
from backoffice.sources import FileDialect, ReadTable

_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_STAMP = Stamp("hr-0000000001", "in.csv", "ab" * 32, _AT, _AT)

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def rows_of(tmp_path: Path, settings: Settings) -> Read:
    """Reads content with columns a, b, c unless others are named."""

    def read(content: str | bytes, columns: tuple[str, ...] = ("a", "b", "c"), **dialect: Any) -> list[dict[str, Any]]:
        raw = tmp_path / "raw"
        raw.write_bytes(content if isinstance(content, bytes) else content.encode())
        _write(raw, tmp_path, settings, columns, dialect)
        rows: list[dict[str, Any]] = pq.read_table(tmp_path / "out.parquet").to_pylist()
        return rows

    return read


def _write(raw: Path, work: Path, settings: Settings, columns: tuple[str, ...], dialect: dict[str, Any]) -> FileRows:
    read = ReadTable(
        pattern="*",
        columns=dict.fromkeys(columns, "VARCHAR"),
        primary_key=columns[:1],
        dialect=FileDialect(**dialect),
    )
    return write_parquet(raw, work / "out.parquet", read, _STAMP, work=work, settings=settings)


def _values(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["a"], row["b"], row["c"]) for row in rows]


def _defect(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["_defect"])
    return found


def test_values_land_as_text_exactly_as_written(rows_of: Read) -> None:
    rows = rows_of("a;b;c\n007;1.234,50; x \n;01-02-2026;true\n", delimiter=";")
    assert _values(rows) == [("007", "1.234,50", " x "), (None, "01-02-2026", "true")]


def test_the_envelope_says_where_a_row_comes_from(rows_of: Read, tmp_path: Path) -> None:
    rows = rows_of("a,b,c\n1,2,3\n4,5,6\n")
    assert [{k: v for k, v in row.items() if k.startswith("_")} for row in rows] == [
        {
            "_batch_id": "hr-0000000001",
            "_row_no": number,
            "_op": "r",
            "_event_id": f"abababababababab:{number}",
            "_event_at": _AT,
            "_ingested_at": _AT,
            "_source_file": "in.csv",
            "_unchanged": None,
            "_defect": None,
        }
        for number in (1, 2)
    ]
    wanted = pa.schema([(name, pa.string()) for name in "abc"] + envelope_schema())
    assert pq.read_schema(tmp_path / "out.parquet").remove_metadata() == wanted


def test_tab_separated_without_header_and_without_quotes(rows_of: Read) -> None:
    rows = rows_of('1\t"x\t12" disc\n2\t\ty\n', header=False, delimiter="\t", quote="")
    assert _values(rows) == [("1", '"x', '12" disc'), ("2", None, "y")]


def test_null_string_of_the_layout(rows_of: Read) -> None:
    assert _values(rows_of("a,b,c\n\\N,,x\n", null="\\N")) == [(None, "", "x")]


def test_quotes_line_ends_and_blank_lines_inside_a_value_stay(rows_of: Read) -> None:
    rows = rows_of('a,b,c\r\n1,"x\n\n""y""\r\n\r\n;",3\r\n4,5,6\r\n')
    assert _values(rows) == [("1", 'x\n\n"y"\r\n\r\n;', "3"), ("4", "5", "6")]


def test_backslash_escapes(rows_of: Read) -> None:
    assert _values(rows_of('a,b,c\n1,"say \\"hi\\"",3\n', escape="\\")) == [("1", 'say "hi"', "3")]


def test_cp1252_is_read_as_it_was_written(rows_of: Read) -> None:
    rows = rows_of("a,b,c\nSøren Ærø Ås,€ 5,“x”\n".encode("cp1252"), encoding="cp1252")
    assert _values(rows) == [("Søren Ærø Ås", "€ 5", "“x”")]


def test_utf16_and_byte_order_marks(rows_of: Read) -> None:
    assert _values(rows_of("a,b,c\nø,2,3\n".encode("utf-16"), encoding="utf-16")) == [("ø", "2", "3")]
    assert _values(rows_of("\ufeffa,b,c\nø,2,3\n")) == [("ø", "2", "3")]


@pytest.mark.parametrize(
    ("content", "encoding", "shown", "place"),
    [
        (b"a,b,c\n1,2,3\n4,S\xf8ren,6\n", "utf-8", "4,S\\xf8ren,6", 15),
        (b"a,b,c\n1,2,3\n4,\x81,6\n", "cp1252", "4,\\x81,6", 14),
    ],
)
def test_undecodable_bytes_are_a_defect_that_shows_them(
    rows_of: Read, content: bytes, encoding: str, shown: str, place: int
) -> None:
    rows = rows_of(content, encoding=encoding)
    assert _values(rows) == [("1", "2", "3"), (None, None, None)]
    assert _defect(rows[1]) == {
        "rule": "structure",
        "column": "b",
        "value": shown,
        "message": f"bytes that are not of the file's encoding, at byte {place}",
        "line": 3,
    }


def test_records_that_cannot_be_split_keep_their_place_and_their_line(rows_of: Read) -> None:
    rows = rows_of('a,b,c\n1,"x\ny",3\n\n\n4,5\n6,7,8,9\n1,"a"b,3\n7,8,9\n')
    assert [row["_row_no"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["a"] for row in rows] == ["1", None, None, None, "7"]
    defects = [_defect(row) for row in rows[1:4]]
    assert [(d["line"], d["value"]) for d in defects] == [(6, "4,5"), (7, "6,7,8,9"), (8, '1,"a"b,3')]
    assert [d["message"].partition(":")[0] for d in defects] == [
        "MISSING COLUMNS",
        "TOO MANY COLUMNS",
        "UNQUOTED VALUE",
    ]
    assert defects[0]["column"] == "c"
    assert rows[1]["_event_id"] == "abababababababab:2"


def test_a_quote_never_closed_takes_the_rest_along_as_one_defect(rows_of: Read) -> None:
    rows = rows_of('a,b,c\n1,2,3\n4,"5,6\n7,8,9\n')
    assert rows[0]["a"] == "1"
    assert _defect(rows[1])["value"] == '4,"5,6\n7,8,9'
    assert len(rows) == 2


def test_a_long_defect_is_kept_whole(rows_of: Read) -> None:
    rows = rows_of("a,b,c\n1,2,3\n4," + "ø" * 30_000 + "\n7,8,9\n")
    assert _defect(rows[1])["value"] == "4," + "ø" * 30_000
    assert [row["a"] for row in rows] == ["1", None, "7"]


def test_a_file_of_which_lines_cannot_be_accounted_for_is_set_aside(rows_of: Read) -> None:
    swallowed = "".join(f"{n},{'y' * 100},3\n" for n in range(500))
    with pytest.raises(FileSetAsideError, match=r"accounted for \d+ of 503 lines; .* line 3"):
        rows_of('a,b,c\n1,2,3\n4,"5,6\n' + swallowed)


def test_mixed_line_ends_are_read_as_line_feeds(rows_of: Read) -> None:
    rows = rows_of('a,b,c\r\n1,2,3\n4,"5\r\n",6\r\n7,x\rx,9\n8,9\n')
    assert _values(rows) == [("1", "2", "3"), ("4", "5\n", "6"), ("7", "x\rx", "9"), (None, None, None)]


def test_old_macintosh_line_ends_are_refused_not_misread(rows_of: Read) -> None:
    with pytest.raises(FileSetAsideError, match="accounted for"):
        rows_of("a,b,c\r1,2,3\r")


def test_in_a_file_of_one_column_a_blank_line_is_a_record(rows_of: Read) -> None:
    assert [row["a"] for row in rows_of("a\nx\n\ny\n", columns=("a",))] == ["x", None, "y"]


def test_a_header_alone_is_an_empty_table(rows_of: Read) -> None:
    assert rows_of("a,b,c\n") == []


def test_an_empty_file_is_not_an_empty_table(rows_of: Read) -> None:
    with pytest.raises(FileSetAsideError, match="empty where a header is due"):
        rows_of("")


def test_our_own_marks_in_a_file_are_refused(rows_of: Read) -> None:
    with pytest.raises(FileSetAsideError, match=r"U\+FDD0"):
        rows_of("a,b,c\n1,\ufdd0,3\n")


def test_numbers_are_exact_in_files_of_many_kinds_of_damage(rows_of: Read) -> None:
    kinds = ["good", "good", "good", "quoted", "few", "many", "badly quoted", "undecodable", "blank"]
    for seed in range(12):
        chance = random.Random(seed)
        end = chance.choice([b"\n", b"\r\n"])
        written = [(n, kind) for n in range(120) if (kind := chance.choice(kinds))]
        lines = [_damaged(n, kind) for n, kind in written]
        rows = rows_of(b"a,b,c" + end + b"".join(line + end for line in lines))
        kept = [(n, kind, line) for (n, kind), line in zip(written, lines, strict=True) if kind != "blank"]
        assert [row["_row_no"] for row in rows] == list(range(1, len(kept) + 1))
        for row, (n, kind, line) in zip(rows, kept, strict=True):
            if kind in ("good", "quoted"):
                assert (row["a"], row["_defect"]) == (str(n), None)
            else:
                assert _defect(row)["value"] == line.decode(errors="backslashreplace")


def _damaged(n: int, kind: str) -> bytes:
    return {
        "good": f"{n},x,y",
        "quoted": f'{n},"x\n\n""y""",z',
        "few": f"{n},x",
        "many": f"{n},x,y,z,",
        "badly quoted": f'{n},"x"y,z',
        "undecodable": f"{n},\udcff,z",
        "blank": "",
    }[kind].encode(errors="surrogateescape")


def test_blocks_of_a_large_file_are_joined_exactly(rows_of: Read) -> None:
    lines = [f'{n},"ø{n}\r\n\r\n",{"x" * (n % 90)}' for n in range(60_000)]
    lost = (0, 40_000, 40_001, 49_999, 50_000, 50_003, 59_999)
    for n in lost:
        lines[n] = f"{n},lost"
    rows = rows_of("a,b,c\r\n" + "\r\n".join(lines) + "\r\n")
    assert [row["_row_no"] for row in rows] == list(range(1, 60_001))
    assert [_defect(rows[n])["value"] for n in lost] == [f"{n},lost" for n in lost]
    assert all(row["b"] == f"ø{n}\r\n\r\n" for n, row in enumerate(rows) if n not in lost)


def test_adventureworks_employees(tmp_path: Path, settings: Settings) -> None:
    columns = tuple(f"c{n}" for n in range(16))
    counts = _write(
        shared_data("adventureworks/Employee.csv"), tmp_path, settings, columns, {"delimiter": "\t", "header": False}
    )
    assert (counts.rows, counts.defects, counts.one_line_end) == (290, 0, False)
    first = pq.read_table(tmp_path / "out.parquet").to_pylist()[0]
    assert (first["c0"], first["c2"], first["c3"], first["c6"]) == ("1", "adventure-works\\ken0", None, "1969-01-29")
