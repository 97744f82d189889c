"""Collecting what was pushed: accepted events become batches.

In: the segments of a source, see :mod:`backoffice.push`. Out: batches whose offset is a segment and a byte in it.
"""

from backoffice.collect.push.collector import PushCollector

__all__ = ["PushCollector"]
