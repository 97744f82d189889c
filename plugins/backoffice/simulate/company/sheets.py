"""Tables as files: the carriers' Windows-1252 CSV, the workbook of hours, the archive's register."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import xlsxwriter

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.money import amount

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_SCANS = ("Hændelse", "Sporingsnr", "Reference", "Kode", "Sted", "Tidspunkt", "Vægt")
_HOURS = (
    "nr", "medarbejder", "navn", "opgave", "dag", "planlagt", "timer", "hjemme", "godkendt", "sats", "valuta",
)  # fmt: skip
_MADE = datetime(2024, 1, 1)
REGISTERS = {
    "archive.document": (
        "doc_id", "doc_type", "title", "area", "version", "lang", "source_doc", "owner", "party_kind", "party",
        "drafted", "received", "stored", "uri", "sha256", "mime", "keep_until", "expires", "state",
    ),
    "archive.check": ("check_id", "doc_id", "check", "asked", "done", "by", "result", "finding"),
}  # fmt: skip


def scans(records: Sequence[Row]) -> bytes:
    """Danish habits: semicolons, decimal comma, dd-mm-yyyy, local time, Windows-1252."""
    lines = [";".join(_SCANS)]
    for row in records:
        at = row["at"].astimezone(COPENHAGEN)
        parcel = int(row["tracking"][2:])
        weight = f"{1 + parcel % 23},{parcel % 1000:03d}"
        values = (
            row["scan_id"],
            row["tracking"],
            row["reference"],
            row["code"],
            row["place"],
            f"{at:%d-%m-%Y %H:%M:%S}",
        )
        lines.append(";".join((*values, weight)))
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def hours(records: Sequence[Row]) -> bytes:
    """A sheet with a title, an empty row, a header and a row for each person and day."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": _MADE})
    sheet, as_date = book.add_worksheet("Timer"), book.add_format({"num_format": "dd-mm-yyyy"})
    sheet.write(0, 0, "Timeregistrering")
    sheet.write_row(2, 0, _HOURS)
    for index, row in enumerate(records, 3):
        rate = None if row["rate"] is None else float(amount(row["rate"]))
        values = (
            row["id"], row["pn"], row["name"], row["task"], row["day"], row["planned"], row["hours"], row["remote"],
            row["approved"], rate, row["currency"],
        )  # fmt: skip
        for column, value in enumerate(values):
            if isinstance(value, date):
                sheet.write_datetime(index, column, value, as_date)
            elif value is not None:
                sheet.write(index, column, value)
    book.close()
    return buffer.getvalue()


def register(table: str, records: Sequence[Row]) -> bytes:
    """Comma-separated UTF-8 with ISO instants."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(REGISTERS[table])
    for row in records:
        writer.writerow([_text(row[name]) for name in REGISTERS[table]])
    return buffer.getvalue().encode()


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return str(value)
