"""All kinds of faults."""

from __future__ import annotations

from backoffice.errors import SettingsError
from backoffice.simulate.company.faults.kind import Kind
from backoffice.simulate.company.faults.ledger import LEDGER
from backoffice.simulate.company.faults.money import MONEY
from backoffice.simulate.company.faults.pay import PAY
from backoffice.simulate.company.faults.rows import ROWS
from backoffice.simulate.company.faults.trade import TRADE

KINDS = (*TRADE, *MONEY, *PAY, *LEDGER, *ROWS)
"""Those that take several rows come first: they find them as they are."""


def chosen(numbers: str) -> tuple[Kind, ...]:
    """The kinds with these numbers, separated by commas; all when there are none.

    Raises:
        SettingsError: there is no such number.
    """
    wanted = {number.strip() for number in numbers.split(",") if number.strip()}
    if unknown := wanted - {kind.fault for kind in KINDS}:
        raise SettingsError(
            f"no such kinds of fault: {', '.join(sorted(unknown))}",
            where="BACKOFFICE_DEMO_FAULT_KINDS",
            next_step=f"kinds are {', '.join(sorted({kind.fault for kind in KINDS}))}",
        )
    return tuple(kind for kind in KINDS if not wanted or kind.fault in wanted)
