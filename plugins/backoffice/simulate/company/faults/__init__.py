"""Mistakes made on purpose, by kind and rate, with the truth about them in a log.

A fault changes what a system says, never what the company knows: it is put into changes on their way into the systems.
Which rows are hit follows from seed, day and kind, so that a day that is delivered again has the same faults.
"""

from backoffice.simulate.company.faults.kind import Edit, Fault, Kind, Told
from backoffice.simulate.company.faults.kinds import KINDS, chosen
from backoffice.simulate.company.faults.making import keep, make

__all__ = ["KINDS", "Edit", "Fault", "Kind", "Told", "chosen", "keep", "make"]
