"""Faults of the payroll."""

from __future__ import annotations

from itertools import pairwise

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.faults.kind import Edit, Kind, Told, in_row
from backoffice.simulate.company.orders import cents

_WAGES = {100: "gross", 200: "tax", 210: "deducted", 300: "employer", 400: "refunded"}


def _a_ghost(told: Told, index: int, chance: Chance) -> Edit | None:
    """A slip like somebody's, for a person who left before, or else for the same one again; it adds up in itself."""
    row = told.row(index)
    runs = list(told.rows("hris.pay_run", run_no=row["run_no"]))
    if not runs:
        return None
    left = {person["pn"] for person in told.rows("hris.person")
            if person["left_on"] is not None and person["left_on"] < runs[-1]["first_day"]}  # fmt: skip
    left -= {slip["pn"] for slip in told.rows("hris.pay_slip", run_no=row["run_no"])}
    number = f"{row['slip_no']}-2"
    slip = row | {"slip_no": number, "payment_no": None, "pn": chance.one_of(sorted(left)) if left else row["pn"]}
    paid = [(code, row[name]) for code, name in _WAGES.items() if cents(row[name])]
    lines = [_wage(slip, pos, code, worth) for pos, (code, worth) in enumerate(paid, 1)]
    return Edit(besides=[("hris.pay_slip", slip), *(("hris.pay_slip_line", line) for line in lines)])


def _wage(slip: Row, pos: int, code: int, worth: str) -> Row:
    stamps = {name: slip[name] for name in ("created_at", "changed_at")}
    line: Row = {"slip_no": slip["slip_no"], "pos": pos, "wage": code, "qty": None, "amount": worth}
    return line | {"currency": slip["currency"]} | stamps


def _net_keyed_wrong(row: Row) -> bool:
    """Two digits change places."""
    net = str(row["net"])
    for place, (one, other) in enumerate(pairwise(net)):
        if one != other and (one + other).isdigit():
            row["net"] = f"{net[:place]}{other}{one}{net[place + 2 :]}"
            return True
    return False


PAY = (
    Kind("F17", "hris.pay_slip", "a payslip for nobody", 150, _a_ghost, steady=True),
    Kind("F18", "hris.pay_slip", "net pay keyed wrong", 150, in_row(_net_keyed_wrong), steady=True),
)
