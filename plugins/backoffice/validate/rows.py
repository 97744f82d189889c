"""Rows of the warehouse's raw tables as their canonical tables name them: entity, key, document and place in time."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backoffice.sources.mapping import MappedTable, row_select

COLUMNS = """source VARCHAR, table_name VARCHAR, entity VARCHAR, source_relation VARCHAR, document VARCHAR,
    document_key VARCHAR, key VARCHAR, batch_id VARCHAR, batch_seq BIGINT, row_no BIGINT, is_delete BOOLEAN,
    generation BIGINT"""
"""Columns of :func:`located`, as DuckDB types."""
_BELONGS = re.compile(r"_id$|^source_document_type$|^sequence_number$")


def document_name(item: MappedTable) -> str:
    """The document a table's rows belong to; a row that stands alone is a document of its own."""
    return item.table.document.name if item.table.document else item.table.name


def located(item: MappedTable, condition: str = "true") -> str:
    """SELECT of raw rows that meet a condition (alias ``r``), as the canonical table names them.

    A delete is sent with its key only, so it names no document. DuckDB computes the columns that are asked for.
    """
    rows = f"(SELECT * FROM raw.{item.raw_name} AS r WHERE {condition})"
    key = " || '|' || ".join(f"cast(m.{column.name} AS VARCHAR)" for column in item.table.primary_key)
    return f"""SELECT '{item.config.source}' AS source, '{item.mapping.driver}' AS table_name,
            '{item.table.name}' AS entity, '{item.config.source_relation}' AS source_relation,
            '{document_name(item)}' AS document, CASE WHEN m._op <> 'd' THEN {_document_key(item, key)} END
            AS document_key, {key} AS key, m._batch_id AS batch_id, m._batch_seq AS batch_seq, m._row_no AS row_no,
            m._op = 'd' AS is_delete, m._generation AS generation
        FROM ({row_select(item, rows)}) AS m"""


def telling(item: MappedTable, condition: str) -> str:
    """SELECT of raw rows that meet a condition (alias ``r``): ``batch_id``, ``row_no``, and ``told``, a JSON object of
    the columns by which a row says what it belongs to.
    """
    names = [name for name in item.row_expressions() if _BELONGS.search(name)]
    told = ", ".join(f"{name} := cast(m.{name} AS VARCHAR)" for name in names)
    rows = f"(SELECT * FROM raw.{item.raw_name} AS r WHERE {condition})"
    return f"""SELECT m._batch_id AS batch_id, m._row_no AS row_no,
            {f"cast(to_json(struct_pack({told})) AS VARCHAR)" if told else "'{}'"} AS told
        FROM ({row_select(item, rows)}) AS m"""


def all_located(items: Iterable[MappedTable], condition: str = "true") -> str:
    """:func:`located` over several tables; no rows when there are none."""
    selects = [located(item, condition) for item in items]
    if selects:
        return " UNION ALL ".join(selects)
    nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in (pair.split() for pair in COLUMNS.split(",")))
    return f"SELECT {nothing} WHERE false"


def _document_key(item: MappedTable, key: str) -> str:
    document = item.table.document
    if document is None:
        return key
    if document.column not in item.row_expressions():
        return "NULL::VARCHAR"
    return f"cast(m.{document.column} AS VARCHAR)"
