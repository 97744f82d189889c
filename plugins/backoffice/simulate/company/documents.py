"""The archive: documents with their versions and translations, and the checks they must pass."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, workdays_after
from backoffice.simulate.company.world import Creditor

# type, area, share, checks it needs
_KINDS = (
    (("contract", "legal"), 0.25),
    (("hr_letter", "employees"), 0.15),
    (("policy", "in_house"), 0.08),
    (("report", "finance"), 0.12),
    (("certificate", "employees"), 0.06),
    (("id_document", "employees"), 0.06),
    (("delivery_note", "sales"), 0.08),
    (("marketing", "marketing"), 0.10),
    (("correspondence", "other"), 0.10),
)
_CHECKS = {
    "contract": ("authenticity", "legal", "contract_terms"),
    "policy": ("company_policy", "four_eyes"),
    "certificate": ("authenticity",),
    "id_document": ("authenticity", "completeness"),
    "marketing": ("company_policy",),
    "hr_letter": ("signature",),
}
_TRANSLATED = ("policy", "marketing", "contract")
_A_DAY, _FAILS, _KEPT_YEARS = 2.0, 0.05, 5
_TITLES = {
    "contract": "Framework agreement", "hr_letter": "Letter of employment", "policy": "Company policy",
    "report": "Management report", "certificate": "Course certificate", "id_document": "Proof of identity",
    "delivery_note": "Delivery note", "marketing": "Campaign leaflet", "correspondence": "Letter",
}  # fmt: skip


def step(day: Day) -> None:
    """New documents, and new versions of old ones."""
    if not day.is_workday:
        return
    chance = day.chance("documents")
    for _ in range(chance.poisson(_A_DAY * 1.4)):
        kind, area = chance.weighted(_KINDS)
        at = day.at(10, chance.between(8, 15))
        row = store(
            day, kind, area, f"{_TITLES[kind]} {chance.whole(100, 999)}", at, language=chance.one_of(("da", "en-US"))
        )
        _ask_checks(day, row)
        if kind in _TRANSLATED and chance.happens(0.6):
            day.world.later(workdays_after(day.today, chance.whole(2, 8)), "translate", row["doc_id"])


def store(day: Day, kind: str, area: str, title: str, at: datetime, *, language: str) -> Row:
    """File a document."""
    number = f"DOC-{day.world.number('document'):06d}"
    drafted = at - timedelta(hours=2)
    in_house = kind in ("policy", "report", "marketing", "hr_letter")
    owners = day.world.staff(10, 70, 90, 60)
    row: Row = {
        "doc_id": number,
        "doc_type": kind,
        "title": title,
        "area": area,
        "version": 1,
        "lang": language,
        "source_doc": "",
        "owner": owners[day.world.counters["document"] % len(owners)].no if owners else "",
        "party_kind": "",
        "party": "",
        "drafted": drafted if in_house else "",
        "received": "" if in_house else drafted,
        "stored": at,
        "uri": f"archive://{area}/{day.today.year}/{number}.pdf",
        "sha256": hashlib.sha256(f"{day.world.seed}/{number}/{title}".encode()).hexdigest(),
        "mime": "application/pdf",
        "keep_until": date(day.today.year + _KEPT_YEARS, 12, 31),
        "expires": day.today + timedelta(days=730) if kind in ("contract", "certificate", "id_document") else "",
        "state": "in_review" if kind in _CHECKS else "approved",
    }
    day.book.tell("archive.document", row, at)
    if kind in _CHECKS:
        day.world.documents[number] = row
    return row


def file_bill(day: Day, vendor: Creditor, printed: str, at: datetime) -> str:
    """File a vendor's bill. Returns the document's number."""
    language = "da" if vendor.land == "DK" else "en-US"
    row = store(day, "invoice", "finance", f"Bill {printed}", at, language=language)
    row.update(party_kind="vendor", party=vendor.no)
    day.book.tell("archive.document", row, at)
    return str(row["doc_id"])


def _ask_checks(day: Day, row: Row) -> None:
    for kind in _CHECKS.get(row["doc_type"], ()):
        number = day.world.number("check")
        check: Row = {
            "check_id": number,
            "doc_id": row["doc_id"],
            "check": kind,
            "asked": row["stored"],
            "done": "",
            "by": "",
            "result": "",
            "finding": "",
        }
        day.book.tell("archive.check", check, row["stored"])
        chance = day.chance("check", number)
        day.moment(row["stored"] + timedelta(hours=min(chance.lognormal(20, 0.8), 160)), "check_done", check)


def check_done(day: Day, what: tuple[datetime, Row]) -> None:
    """A check is done by somebody other than the owner; when all are, the document is approved or rejected."""
    at, check = what
    chance = day.chance("checked", check["check_id"])
    row = day.world.documents.get(check["doc_id"])
    people = [person for person in day.world.staff(10, 90, 70, 40) if row is None or person.no != row["owner"]]
    failed = chance.happens(_FAILS)
    check.update(done=at, by=chance.one_of(people).no, result="fail" if failed else "pass")
    check["finding"] = "signature missing" if failed else ""
    day.book.tell("archive.check", check, at)
    if row is None:
        return
    row["passed"] = row.get("passed", 0) + (not failed)
    row["checked"] = row.get("checked", 0) + 1
    if row["checked"] == len(_CHECKS[row["doc_type"]]):
        row["state"] = "approved" if row.pop("passed") == row.pop("checked") else "rejected"
        del day.world.documents[row["doc_id"]]
        day.book.tell("archive.document", row, at)


def translate(day: Day, number: str) -> None:
    """A translation is a document of its own that names its source."""
    at = day.at(10, 14)
    row = store(
        day,
        "marketing",
        "marketing",
        f"Translation of {number}",
        at,
        language=day.chance("tr").one_of(("de", "fr", "da")),
    )
    row["source_doc"] = number
    day.book.tell("archive.document", row, at)
    _ask_checks(day, row)
