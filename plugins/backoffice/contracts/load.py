"""Reading contract files: ODCS v3.1, checked by the standard's own model and then by the platform's rules."""

from __future__ import annotations

import functools
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from open_data_contract_standard.model import DataQuality, OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError as PydanticError

from backoffice.contracts.model import Column, Contracts, Document, ForeignKey, LoadPattern, Severity, Table
from backoffice.errors import ContractError

_PATTERNS: tuple[LoadPattern, ...] = ("state", "event", "ledger", "eff")


def load_contracts(folder: Path) -> Contracts:
    """Read every ``*.odcs.yaml`` of a folder.

    Raises:
        ContractError: a file is not ODCS, or a table breaks a rule of the platform; names file, table and column.
    """
    tables: dict[str, Table] = {}
    for path in sorted(folder.glob("*.odcs.yaml")):
        for table in _read_unchanged(path, path.stat().st_mtime_ns):
            if table.name in tables:
                raise ContractError(
                    f"table {table.name} is also in contract {tables[table.name].contract}",
                    where=str(path),
                    rule="a table belongs to one contract",
                    next_step="rename or remove one of the two",
                )
            tables[table.name] = table
    if not tables:
        raise ContractError("no contract files", where=str(folder), next_step="add <contract>.odcs.yaml files")
    _check_references(tables)
    _check_documents(tables)
    return Contracts(list(tables.values()))


@functools.lru_cache(maxsize=256)
def _read_unchanged(path: Path, _changed: int) -> tuple[Table, ...]:
    """Kept while the file stands: every step of a cycle needs the contracts, and reading them takes 70 ms."""
    return tuple(_read(path))


def _read(path: Path) -> list[Table]:
    try:
        contract = OpenDataContractStandard.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, PydanticError) as error:
        raise ContractError(
            f"not a data contract: {error}", where=str(path), rule="Open Data Contract Standard v3.1"
        ) from error
    if not contract.name or not contract.version or f"{contract.name}.odcs.yaml" != path.name:
        raise ContractError(
            f"name {contract.name!r} and version {contract.version!r} must be given, and name the file",
            where=str(path),
        )
    purpose = (contract.description.purpose if contract.description else None) or ""
    head = (contract.name, contract.version, purpose)
    return [_table(path, head, schema) for schema in contract.schema_ or []]


def _table(path: Path, head: tuple[str, str, str], schema: SchemaObject) -> Table:
    contract, version, purpose = head
    where = f"{path} table {schema.name}"
    pattern = _custom(schema, "loadPattern")
    if pattern not in _PATTERNS:
        raise ContractError(f"loadPattern {pattern!r} is not one of {', '.join(_PATTERNS)}", where=where)
    columns = tuple(_column(where, item) for item in schema.properties or [])
    grain, document = schema.dataGranularityDescription or "", _document(where, schema)
    table = Table(contract, version, schema.name or "", grain, pattern, columns, document, purpose)
    if not table.name or not table.primary_key or not table.grain:
        raise ContractError("a table needs a name, a primary key and a dataGranularityDescription", where=where)
    for column in columns:
        if column.currency_column and not table.column(column.currency_column):
            raise ContractError(
                f"column {column.name}: its currency column {column.currency_column} does not exist",
                where=where,
                rule="money stands with its currency beside it",
            )
    return table


def _document(where: str, schema: SchemaObject) -> Document | None:
    name, column = _custom(schema, "document"), _custom(schema, "documentColumn")
    if not name and not column:
        return None
    if not name or column not in {item.name for item in schema.properties or []}:
        raise ContractError(
            f"document {name!r} with documentColumn {column!r}: both are given, and the column is one of the table",
            where=where,
            rule="a document is named after its header table; a column says which document a row belongs to",
        )
    return Document(str(name), str(column))


def _column(where: str, item: SchemaProperty) -> Column:
    if not item.name or not item.physicalType or not item.description:
        raise ContractError(f"column {item.name!r} needs a name, physicalType and description", where=where)
    options: dict[str, Any] = item.logicalTypeOptions or {}
    values, severity = _enum(item.quality or [])
    return Column(
        name=item.name,
        physical_type=item.physicalType,
        description=item.description,
        required=bool(item.required or item.primaryKey),
        primary_key=bool(item.primaryKey),
        unique=bool(item.unique),
        enum=values,
        enum_severity=severity,
        pattern=options.get("pattern"),
        minimum=_decimal(options.get("minimum")),
        maximum=_decimal(options.get("maximum")),
        exclusive_minimum=_decimal(options.get("exclusiveMinimum")),
        foreign_key=_foreign_key(where, item),
        tags=tuple(item.tags or ()),
        currency_column=_custom(item, "currencyColumn"),
        currency="functional" if _custom(item, "currency") == "functional" else None,
    )


def _enum(rules: list[DataQuality]) -> tuple[tuple[str, ...], Severity]:
    for rule in rules:
        if rule.metric == "invalidValues":
            values = tuple(str(value) for value in (rule.arguments or {}).get("validValues", ()))
            return values, "warning" if rule.severity == "warning" else "error"
    return (), "error"


def _foreign_key(where: str, item: SchemaProperty) -> ForeignKey | None:
    for relation in item.relationships or []:
        table, dot, column = str(relation.to).partition(".")
        if not dot:
            raise ContractError(f"column {item.name}: relationship {relation.to!r} is not table.column", where=where)
        return ForeignKey(table, column)
    return None


def _custom(item: SchemaObject | SchemaProperty, name: str) -> Any:
    for custom in item.customProperties or []:
        if custom.property == name:
            return custom.value
    return None


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _check_references(tables: dict[str, Table]) -> None:
    """A reference into a table that has a contract must name its key; tables without a contract come later."""
    for table in tables.values():
        for column in table.columns:
            target = tables.get(column.foreign_key.table) if column.foreign_key else None
            if target and column.foreign_key and not target.column(column.foreign_key.column):
                raise ContractError(
                    f"{table.name}.{column.name} refers to {target.name}.{column.foreign_key.column}, which is missing",
                    where=f"contract {table.contract}",
                )


def _check_documents(tables: dict[str, Table]) -> None:
    """Where a document has a header table, that belongs to it and its key alone identifies the document.

    A journal has none: it is the lines of one number.
    """
    for table in tables.values():
        header = tables.get(table.document.name) if table.document else None
        if table.document is None or header is None:
            continue
        keys = [column.name for column in header.primary_key]
        if header.document is None or [header.document.column] != keys:
            raise ContractError(
                f"{table.name} belongs to document {table.document.name}, a table that does not have that document and "
                "a key of one column",
                where=f"{table.contract}.odcs.yaml table {table.name}",
                rule="a document that has a header table is known by the header's key",
                next_step=f"give {table.document.name} the properties document and documentColumn",
            )
