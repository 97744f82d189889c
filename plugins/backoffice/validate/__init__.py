"""Validate: every landed row is judged by Great Expectations before anything is built from it.

In: raw rows of loaded batches that were not judged yet. Out: verdicts, landed as batches of ``_verdicts`` and copied to
``meta.verdict`` and ``meta.quarantined``, by :func:`validate`. Suites are made from the contracts.
"""

from backoffice.validate.gate import Judgement, judge
from backoffice.validate.step import GateResult, validate, warm
from backoffice.validate.suite_files import stale_suites, write_suites
from backoffice.validate.verdicts import apply_verdicts

__all__ = ["GateResult", "Judgement", "apply_verdicts", "judge", "stale_suites", "validate", "warm", "write_suites"]
