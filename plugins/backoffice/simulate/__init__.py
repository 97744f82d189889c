"""The demo: a small company's operational database ``shop`` that keeps changing, for the platform to collect from.

In: a running source server. Out: its database ``shop``, created and filled by :func:`prepare` and kept changing by
:func:`run`. Names and codes are an ERP's own; ``sources/shop.yaml`` maps them. Nothing of the platform depends on it.
"""

from backoffice.simulate.live import paused, run
from backoffice.simulate.prepare import connect, prepare

__all__ = ["connect", "paused", "prepare", "run"]
