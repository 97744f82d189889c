"""A contract's rules as SQL conditions on a base row that breaks them."""

from __future__ import annotations

from dataclasses import dataclass

from backoffice.contracts import Column, Table
from backoffice.sources.mapping import MappedTable

_MONEY = "DECIMAL(18,4)"
_NO_CENTS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_DIGITS = {0: _NO_CENTS, 3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 4: ("CLF", "UYW")}
"""Currencies by the digits of their minor unit in ISO 4217, where not two. Unicode's list has those of cash."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``breaks`` is true for a row ``t`` of the model that breaks the rule; ``<<base_x>>`` stands for that model,
    ``<<parent_key>>`` for the key of the row that ``column`` names.

    dbt renders Jinja in top-level test arguments only, so the test macro puts both in.
    """

    name: str
    column: str
    breaks: str


def row_rules(table: Table, own: list[MappedTable]) -> list[Rule]:
    """Rules whose break stops publication. Deleted rows are not judged."""
    rules: list[Rule] = []
    for column in table.columns:
        rules += _required(table, column, own) + _values(table, column)
    return rules


def optional_references(table: Table, mapped: list[MappedTable]) -> list[Rule]:
    """References that may be empty but, when given, should exist: reported, never blocking."""
    rules = []
    for column in table.columns:
        reference = column.foreign_key
        if reference is None or column.required:
            continue
        both = relations(mapped, table.name) & relations(mapped, reference.table)
        if both:
            missing = (
                f"not exists (select 1 from <<base_{reference.table}>> as p "
                f"where p.{reference.table}_key = <<parent_key>>)"
            )
            condition = f"t.{column.name} is not null and t.source_relation in ({_list(both)}) and {missing}"
            rules.append(Rule(f"{table.name}.{column.name}.reference", column.name, condition))
    return rules


def minor_digits(table: Table) -> list[Rule]:
    """Amounts with more digits than their currency has: reported, never blocking, for some systems keep them."""
    return [
        Rule(f"{table.name}.{column.name}.minor_digits", column.name, _too_many_digits(column))
        for column in table.columns
        if column.currency_column and column.physical_type == _MONEY
    ]


def functional_amounts(table: Table, mapped: list[MappedTable]) -> list[Rule]:
    """In the currency of its company an amount is the same in both columns, and the rate is one."""
    names = {column.name: column for column in table.columns}
    home = [column for column in table.columns if column.currency == "functional"]
    if "company_id" not in names or not home or not relations(mapped, "company"):
        return []
    pairs = [(own, column) for column in home if (own := names.get(column.name.removesuffix("_base"))) is not column]
    rules = [
        Rule(
            f"{table.name}.{column.name}.same_currency",
            column.name,
            f"t.{column.name} <> t.{own.name} and {_is_functional(own.currency_column)}",
        )
        for own, column in pairs
        if own is not None and own.currency_column
    ]
    if "fx_rate" in names and "currency_code" in names:
        broken = f"t.fx_rate <> 1 and {_is_functional('currency_code')}"
        rules.append(Rule(f"{table.name}.fx_rate.same_currency", "fx_rate", broken))
    return rules


def _is_functional(currency_column: str) -> str:
    return (
        "exists (select 1 from <<base_company>> as c where c.source_relation = t.source_relation "
        f"and c.company_id = t.company_id and c.functional_currency = t.{currency_column})"
    )


def _too_many_digits(column: Column) -> str:
    value = f"t.{column.name}"
    other = " ".join(
        f"when t.{column.currency_column} in ({_list(codes)}) then round({value}, {digits})"
        for digits, codes in _DIGITS.items()
    )
    return f"{value} <> case {other} else round({value}, 2) end"


def unique_columns(table: Table) -> list[str]:
    """Columns besides the key whose value belongs to one live row of a source."""
    return [column.name for column in table.columns if column.unique and not column.primary_key]


def _required(table: Table, column: Column, own: list[MappedTable]) -> list[Rule]:
    if not column.required:
        return []
    accepted = {item.config.source_relation for item in own if column.name in item.mapping.accept}
    excused = f" and t.source_relation not in ({_list(accepted)})" if accepted else ""
    return [Rule(f"{table.name}.{column.name}.required", column.name, f"t.{column.name} is null{excused}")]


def _values(table: Table, column: Column) -> list[Rule]:
    name, value = f"{table.name}.{column.name}", f"t.{column.name}"
    rules = []
    if column.enum and column.enum_severity == "error":
        rules.append(Rule(f"{name}.enum", column.name, f"{value} not in ({_list(column.enum)})"))
    if column.pattern:
        rules.append(Rule(f"{name}.pattern", column.name, f"not regexp_matches({value}, '{column.pattern}')"))
    if column.minimum is not None:
        rules.append(Rule(f"{name}.minimum", column.name, f"{value} < {column.minimum}"))
    if column.exclusive_minimum is not None:
        rules.append(Rule(f"{name}.minimum", column.name, f"{value} <= {column.exclusive_minimum}"))
    if column.maximum is not None:
        rules.append(Rule(f"{name}.maximum", column.name, f"{value} > {column.maximum}"))
    return rules


def relations(mapped: list[MappedTable], table: str) -> set[str]:
    """Source instances that map a canonical table."""
    return {item.config.source_relation for item in mapped if item.table.name == table}


def _list(values: set[str] | tuple[str, ...]) -> str:
    ordered = sorted(values) if isinstance(values, set) else values
    return ", ".join("'" + value.replace("'", "''") + "'" for value in ordered)
