"""Twelve years of payments published by two English councils: 34 header variants, marks, duplicates, other tables."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.data import shared_data

SALFORD = {
    "Authority Name": ("VARCHAR", ["ï»¿Authority Name", "Ã¯»¿Authority Name"]),
    "Date of Payment": ("DATE", []),
    "SAP Document Number": ("VARCHAR", ["Document Number", "DocumentNo"]),
    "Gross": ("DECIMAL(14,2)", []),
    "VAT": ("DECIMAL(14,2)", []),
    "Net": ("DECIMAL(14,2)", []),
    "Supplier Name": ("VARCHAR", ["Vendor Name"]),
    "Directorate": ("VARCHAR", ["Service Area"]),
    "G/L description": ("VARCHAR", ["G/L description.", "G/L descript", "GL Description", "G/L Descripition"]),
}
HARROGATE = {
    "Body Name": ("VARCHAR", []),
    "Expenditure Category": ("VARCHAR", ["Expenditure Category(T)"]),
    "Capital/ Revenue": ("VARCHAR", ["Capital /Revenue", "Capital / Revenue", "Captial/ Revenue"]),
    "Service Label": ("VARCHAR", ["Service Label(T)"]),
    "Service Code": ("VARCHAR", ["Service Code(T)"]),
    "Expenditure Code": ("VARCHAR", []),
    "Payment Date": ("DATE", ["Pay date"]),
    "Supplier Name": ("VARCHAR", ["Supplier Name#2"]),
    "Transaction No.": ("VARCHAR", ["Transaction No", "TransNo"]),
    "Net Amount": ("DECIMAL(14,2)", []),
    "Narrative": ("VARCHAR", []),
}
# another table, and a header in which two aliases of a column stand side by side
REFUSED = {"salford/2022-07.csv", "salford/2018-09.csv"}


def _read(council: str, columns: dict[str, tuple[str, list[str]]], key: str) -> dict[str, Any]:
    return {
        "pattern": f"{council}/*.csv",
        "columns": {name: kind for name, (kind, _) in columns.items()},
        "primary_key": [key],
        "aliases": {name: aliases for name, (_, aliases) in columns.items() if aliases},
        "dialect": {"fold_header": True, "thousands": ","},
    }


def _files(council: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(shared_data(f"uk-council-spend/{council}.zip")) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield f"{council}/{member.filename.rpartition('/')[2]}", archive.read(member)


def _one_of_each_header(council: str) -> list[tuple[str, bytes]]:
    found = {content.split(b"\n", 1)[0]: (name, content) for name, content in _files(council)}
    return list(found.values())


def _records(content: bytes) -> int:
    text = io.StringIO(content.decode("utf-8", "replace"), newline="")
    return sum(1 for record in csv.reader(text) if record) - 1


def _land_and_compare(inbox: Callable[..., Any], files: list[tuple[str, bytes]]) -> Counter[str]:
    reads = {
        "salford": _read("salford", SALFORD, "SAP Document Number"),
        "harrogate": _read("harrogate", HARROGATE, "Transaction No."),
    }
    councils = inbox(**reads)
    for name, content in files:
        councils.drop(name, content)
    landed = councils.land()
    once = {hashlib.sha256(content).hexdigest(): content for name, content in files if name not in REFUSED}
    assert sum(manifest.rows for manifest in landed) == sum(map(_records, once.values()))
    assert {json.loads(line)["file"] for line in councils.errors()} == REFUSED
    notes = [note for manifest in landed for note in manifest.notes.get("drift", {}).get("columns", [])]
    return Counter(note["kind"] for note in notes)


def test_every_header_variant_lands_or_is_named(inbox: Callable[..., Any]) -> None:
    kinds = _land_and_compare(inbox, [*_one_of_each_header("salford"), *_one_of_each_header("harrogate")])
    assert kinds == {"renamed": 36, "new": 19, "missing": 10}


@pytest.mark.slow
def test_every_file_lands_whole(inbox: Callable[..., Any]) -> None:
    _land_and_compare(inbox, [*_files("salford"), *_files("harrogate")])
