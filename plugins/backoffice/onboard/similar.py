"""How likely it is that a source's column is a canonical one: by name, by type and by its values."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from backoffice.contracts import Column, Table
from backoffice.onboard.profile import ColumnProfile, TableProfile

# what systems call what the contracts call otherwise; both sides of a pair count as one word
_SAME = {
    "client": "customer", "debtor": "customer", "supplier": "vendor", "creditor": "vendor", "staff": "employee",
    "worker": "employee", "person": "employee", "item": "product", "article": "product", "sku": "product",
    "no": "id", "nr": "id", "num": "id", "number": "id", "key": "id", "ref": "reference", "qty": "quantity",
    "amt": "amount", "total": "amount", "value": "amount", "tel": "phone", "telephone": "phone", "mail": "email",
    "zip": "postal", "postcode": "postal", "town": "city", "state": "status", "flag": "status", "active": "status",
    "curr": "currency", "ccy": "currency", "title": "name", "label": "name", "company": "name", "dated": "date",
    "day": "date", "born": "birth", "hired": "hire", "uom": "unit", "cost": "price", "header": "", "detail": "line",
    "details": "line", "lines": "line", "rows": "line", "tbl": "", "table": "", "code": "",
}  # fmt: skip
_KINDS = {
    "DECIMAL": "number", "DOUBLE": "number", "FLOAT": "number", "INTEGER": "number", "BIGINT": "number",
    "SMALLINT": "number", "DATE": "time", "TIMESTAMP": "time", "TIMESTAMPTZ": "time", "BOOLEAN": "boolean",
}  # fmt: skip
_NAME, _TYPE, _VALUES = 0.65, 0.15, 0.2


def table_score(source: TableProfile, table: Table) -> float:
    """0 to 1: likeness of the names, and of the columns the contract requires."""
    own = max(_likeness(source.name, table.name), _likeness(source.name, table.key.partition("/")[0].split(".")[-1]))
    needed = [column for column in table.columns if column.required]
    best = [
        max((column_score(source, found, column, table) for found in source.columns), default=0) for column in needed
    ]
    return 0.7 * own + 0.3 * sum(best) / max(len(best), 1)


def column_score(source: TableProfile, found: ColumnProfile, column: Column, table: Table) -> float:
    """0 to 1: likeness of a source's column and a canonical one."""
    return (
        _NAME * _name_score(source, found, column, table)
        + _TYPE * _type_score(found, column)
        + _VALUES * _value_score(found, column)
    )


def closest(code: str, words: tuple[str, ...]) -> str:
    """The word of an enum a code most likely stands for; empty when none is near."""
    found = {word: fuzz.ratio(code.casefold().strip(), word) for word in words}
    best = max(found, key=lambda word: found[word])
    starts = [word for word in words if len(code) <= 2 and word.startswith(code.casefold())]
    if found[best] >= 80:
        return best
    return starts[0] if len(starts) == 1 else ""


def _name_score(source: TableProfile, found: ColumnProfile, column: Column, table: Table) -> float:
    name, wanted = _words(found.name), _words(column.name)
    own = {*_words(source.name), *_words(table.name)}
    plain = [word for word in name if word not in own] or name
    short = [word for word in wanted if word not in own] or wanted
    key = column.primary_key and found.name in source.key
    likeness = max(_alike(name, wanted), _alike(plain, short))
    return max(likeness, 0.9) if key else likeness


def _type_score(found: ColumnProfile, column: Column) -> float:
    ours, theirs = (_kind(kind) for kind in (column.physical_type, found.kind))
    if ours == theirs:
        return 1.0
    return 0.5 if "text" in (ours, theirs) else 0.0


def _value_score(found: ColumnProfile, column: Column) -> float:
    """Share of the values that fit the column's rule; a half where it has none, which tells nothing."""
    if not found.values:
        return 0.25
    if column.enum:
        return sum(bool(closest(value, column.enum)) for value in found.values) / len(found.values)
    if column.pattern:
        return sum(re.search(column.pattern, value) is not None for value in found.values) / len(found.values)
    return 0.5


def _likeness(one: str, other: str) -> float:
    return _alike(_words(one), _words(other))


def _alike(one: list[str], other: list[str]) -> float:
    return float(fuzz.token_sort_ratio(" ".join(one), " ".join(other))) / 100


def _words(name: str) -> list[str]:
    """Words of a name, in the singular, each as the contracts call it."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    plain = [re.sub(r"(?<=[a-z]{3})s$", "", word) for word in re.split(r"[\W_]+", split.lower()) if word]
    return [same for word in plain if (same := _SAME.get(word, word))] or plain


def _kind(kind: str) -> str:
    return _KINDS.get(re.sub(r"\(.*", "", kind.upper()), "text")
