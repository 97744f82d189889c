"""Collecting from a REST API, asked page by page through dlt's client.

In: JSON rows of the paths a source's YAML names. Out: batches of the rows that are new or changed, whose offset holds
the cursors reached.
"""

from backoffice.collect.rest.collector import RestCollector

__all__ = ["RestCollector"]
