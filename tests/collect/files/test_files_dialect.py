"""Layouts: compression, lines that are no records, line ends, delimiters, nulls, footers, and files made to harm."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.errors import MappingError
from backoffice.settings import Settings

Make = Callable[..., Any]
MakeRead = Callable[..., dict[str, Any]]
PLAIN = b"id,name\n1,Aase\n2\n3,Cy\n"


@pytest.fixture
def land(inbox: Make, make_read: MakeRead) -> Callable[..., list[dict[str, Any]]]:
    """Lands one file of columns id and name, and gives its rows; fails when it is set aside."""

    def run(content: bytes | str, name: str = "in.csv", **dialect: Any) -> list[dict[str, Any]]:
        hr = inbox(people=make_read("in*", "id", "name", **dialect))
        hr.drop(name, content)
        landed = hr.land()
        assert landed, hr.errors()
        rows: list[dict[str, Any]] = hr.rows(landed[0])
        return rows

    return run


@pytest.fixture
def refused(inbox: Make, make_read: MakeRead) -> Callable[..., str]:
    """Drops one file that must be set aside, and gives the reason."""

    def run(content: bytes | str, settings: Settings | None = None, **dialect: Any) -> str:
        hr = inbox(people=make_read("in*", "id", "name", **dialect))
        hr.settings = settings or hr.settings
        hr.drop("in.csv", content)
        assert hr.land() == []
        return str(json.loads(hr.errors()[0])["what"])

    return run


def _pairs(rows: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return [(row["id"], row["name"]) for row in rows if row["_defect"] is None]


def _line(row: dict[str, Any]) -> Any:
    return json.loads(row["_defect"])["line"]


def _zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("compression", "packed"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN[:10]) + gzip.compress(PLAIN[10:])),
        ("bz2", bz2.compress(PLAIN)),
        ("xz", lzma.compress(PLAIN)),
        ("zip", _zipped(people=PLAIN)),
    ],
    ids=["gzip", "gzip in two members", "bz2", "xz", "zip"],
)
def test_packed_files_are_read_with_their_line_numbers(land: Make, compression: str, packed: bytes) -> None:
    rows = land(packed, compression=compression)
    assert _pairs(rows) == [("1", "Aase"), ("3", "Cy")]
    assert _line(rows[1]) == 3


@pytest.mark.parametrize(
    ("compression", "packed"),
    [
        ("gzip", PLAIN),
        ("gzip", gzip.compress(PLAIN)[:-9]),
        ("bz2", bz2.compress(PLAIN)[:-9]),
        ("xz", lzma.compress(PLAIN)[:-9]),
        ("zip", b"PK\x03\x04 half an archive"),
    ],
    ids=["gzip that is plain", "gzip", "bz2", "xz", "zip"],
)
def test_a_packed_file_that_is_cut_off_lands_nothing(refused: Make, compression: str, packed: bytes) -> None:
    assert "cannot be unpacked" in refused(packed, compression=compression)


def test_an_archive_holds_one_file(refused: Make, land: Make) -> None:
    assert "holds 2 files" in refused(_zipped(a=PLAIN, b=PLAIN), compression="zip")


@pytest.mark.parametrize(
    ("compression", "packed"),
    [("gzip", gzip.compress(bytes(3 << 20))), ("zip", _zipped(a=bytes(3 << 20)))],
    ids=["gzip", "zip"],
)
def test_a_file_that_swells_is_refused(refused: Make, settings: Settings, compression: str, packed: bytes) -> None:
    small = settings.model_copy(update={"file_unpacked_mb": 2})
    assert "more than 2 MB unpacked" in refused(packed, settings=small, compression=compression)


def test_lines_that_are_no_records_keep_the_numbers_of_the_others(land: Make) -> None:
    text = 'Report of payments\n"made, today\n# first\nid,name\n1,"a\n# no comment\nb"\n#,x\n2\n\n3,c\nTOTAL 2\n\n'
    rows = land(text, skip=2, comment="#", footer={"lines": 1})
    assert _pairs(rows) == [("1", "a\n# no comment\nb"), ("3", "c")]
    assert _line(rows[1]) == 9


def test_drift_names_the_line_of_the_header(inbox: Make, make_read: MakeRead) -> None:
    hr = inbox(people=make_read("in*", "id", "name", skip=3))
    hr.drop("in.csv", "a\nb\n\nid,name,x\n1,2,3\n")
    (manifest,) = hr.land()
    assert manifest.notes["drift"]["line"] == 4


FOOTER = {"pattern": r"^T;(?P<rows>\d+);(?P<sum>.*)$", "sum_of": "name"}
COMMA = {"delimiter": ";", "decimal": ",", "thousands": "."}


def test_a_footer_that_agrees_is_left_out(land: Make) -> None:
    assert _pairs(land("id;name\n1;1.000,50\n2;-0,5\nT;2;1.000\n", footer=FOOTER, **COMMA)) == [
        ("1", "1.000,50"),
        ("2", "-0,5"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id;name\n1;1,5\nT;2;1,5\n", "the footer says 2 records, the file has 1"),
        ("id;name\n1;1,5\n2;1\nT;2;2,51\n", "the footer says name is 2,51, the file's sum is 2.5"),
        ("id;name\n1;1,5\n2;1\n", "the last lines are not the footer: '2;1'"),
        ("", "0 lines where 1 of a footer are due"),
    ],
)
def test_a_footer_that_differs_sets_the_file_aside(refused: Make, text: str, why: str) -> None:
    assert why in refused(text, footer=FOOTER, **COMMA)


def test_a_record_that_was_not_split_counts_in_the_footer(land: Make) -> None:
    assert len(land("id;name\n1;1,5\n2;1;9\nT;2;9\n", footer=FOOTER, **COMMA)) == 2


@pytest.mark.parametrize(
    "footer",
    [{"pattern": "("}, {"pattern": "(?P<count>.)"}, {"pattern": "(?P<sum>.)"}, {"pattern": "x", "sum_of": "name"}],
)
def test_a_footer_nobody_can_check_is_refused(inbox: Make, make_read: MakeRead, footer: dict[str, str]) -> None:
    with pytest.raises(MappingError, match=r"footer"):
        inbox(people=make_read("in*", "id", "name", footer=footer)).collector()


@pytest.mark.parametrize("delimiter", ["\t", "|", "||", "<=>", "¤"])
def test_delimiters(land: Make, delimiter: str) -> None:
    text = f'id{delimiter}name\n1{delimiter}"a{delimiter}b"\n2\n'
    rows = land(text, delimiter=delimiter)
    assert _pairs(rows) == [("1", f"a{delimiter}b")]
    assert _line(rows[1]) == 3


@pytest.mark.parametrize(
    ("encoding", "bom"), [("utf-8", b"\xef\xbb\xbf"), ("utf-8", b""), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"")]
)
def test_encodings_with_and_without_a_byte_order_mark(land: Make, encoding: str, bom: bytes) -> None:
    assert _pairs(land(bom + "id,name\n1,Åse €\n".encode(encoding), encoding=encoding)) == [("1", "Åse €")]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso8859-15"])
def test_one_byte_encodings(land: Make, encoding: str) -> None:
    assert _pairs(land("id,name\n1,Åse Ø\n".encode(encoding), encoding=encoding)) == [("1", "Åse Ø")]


def test_old_macintosh_line_ends_are_read_where_they_are_declared(land: Make) -> None:
    rows = land("id,name\r1,a\r2\r3,c\r", line_end="cr")
    assert _pairs(rows) == [("1", "a"), ("3", "c")]
    assert _line(rows[1]) == 3


def test_several_words_mean_null(land: Make) -> None:
    assert _pairs(land("id,name\n1,NULL\n2,n/a\n3,\n4,x\n", null=["NULL", "n/a"])) == [
        ("1", None),
        ("2", None),
        ("3", ""),
        ("4", "x"),
    ]


def test_the_line_after_values_of_several_lines(land: Make) -> None:
    rows = land('id,name\n1,"a\nb\nc"\n2\n3,"x\ny"\n4,"p",q\n')
    assert [_line(row) for row in rows if row["_defect"]] == [5, 8]


def test_the_place_of_an_undecodable_byte_counts_from_the_start_of_the_file(land: Make) -> None:
    text = "id,name\n" + "".join(f"{n},ø\n" for n in range(150_000)) + "x,\xf8\n"
    content = text[:-2].encode() + b"\xf8\n"
    rows = land(content)
    found = json.loads(rows[-1]["_defect"])
    assert found["line"] == 150_002
    assert f"at byte {len(content) - 2}" in found["message"]


def test_a_nul_is_a_defect(land: Make) -> None:
    rows = land(b"id,name\n1,a\n2,b\x00c\n3,d\n")
    assert _pairs(rows) == [("1", "a"), ("3", "d")]
    assert json.loads(rows[1]["_defect"]) | {"column": ""} == {
        "rule": "structure",
        "column": "",
        "value": "2,b\\x00c",
        "message": "a NUL character",
        "line": 3,
    }


def test_a_line_of_ten_megabytes(land: Make) -> None:
    rows = land("id,name\n1," + "x" * (10 << 20) + "\n2,b\n")
    assert [(row["id"], len(row["name"])) for row in rows] == [("1", 10 << 20), ("2", 1)]


def test_a_line_longer_than_a_record_may_be_is_a_defect(land: Make) -> None:
    rows = land("id,name\n1," + "x" * (17 << 20) + "\n2,b\n")
    assert _pairs(rows) == [("2", "b")]
    assert json.loads(rows[0]["_defect"])["message"].startswith("LINE SIZE OVER MAXIMUM")


@pytest.mark.parametrize(
    "name", ["in '\".csv", "in%20;$(x).csv", "in\n.csv", "in æøå 日本.csv", "in[1]*.csv", "in.CSV"]
)
def test_odd_names(land: Make, name: str) -> None:
    assert [row["_source_file"] for row in land("id,name\n1,a\n", name=name)] == [name]


def test_what_is_no_file_is_named_and_the_others_go_on(
    inbox: Make, make_read: MakeRead, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hr = inbox(people=make_read("in*", "id", "name"))
    outside = tmp_path / "passwords.csv"
    outside.write_text("id,name\n1,secret\n")
    (hr.folder / "in_directory").mkdir()
    os.mkfifo(hr.folder / "in_pipe")
    (hr.folder / "in_link_out").symlink_to(outside)
    (hr.folder / "in_link_nowhere").symlink_to("nothing")
    Path(os.fsdecode(os.fsencode(hr.folder) + b"/in_\xff")).write_text("id,name\n1,a\n")
    target = hr.drop("in1.csv", "id,name\n1,a\n")
    (hr.folder / "in2_link").symlink_to(target.name)
    assert [manifest.offset["file"] for manifest in hr.land()] == ["in1.csv"]
    errors = {found["file"]: found["what"] for found in map(json.loads, hr.errors())}
    assert errors == {
        "in_pipe": "the file is not read: it is no regular file",
        "in_link_out": "the file is not read: it is a link that leads out of the watched folder",
        "in_link_nowhere": "the file is not read: it is no regular file",
        "in_\\xff": "the file is not read: its name is not UTF-8",
    }
    assert "in_\\xff" in caplog.text
    caplog.text.encode()  # a log is UTF-8


def test_other_content_of_the_same_size_and_time_lands(inbox: Make, make_read: MakeRead) -> None:
    hr = inbox(people=make_read("in*", "id", "name"))
    hr.drop("in.csv", "id,name\n1,a\n")
    assert len(hr.land()) == 1
    hr.drop("in.csv", "id,name\n1,b\n")
    (manifest,) = hr.land()
    assert hr.rows(manifest)[0]["name"] == "b"


def test_a_file_that_is_only_touched_is_not_landed_again(inbox: Make, make_read: MakeRead) -> None:
    """Landing it again would take the whole table back."""
    hr = inbox(people=make_read("in*", "id", "name", full=True))
    first = hr.drop("in1.csv", "id,name\n1,a\n", mtime=1)
    hr.drop("in2.csv", "id,name\n1,b\n", mtime=2)
    assert len(hr.land()) == 2
    first.chmod(0o600)
    collector = hr.collector()
    assert hr.land(collector) == []
    assert collector.counts.duplicates == 0
