"""Generating the dbt files that follow from contracts and mappings.

In: contracts and sources. Out: path below the dbt project → text, through :func:`generated_files`.
"""

from backoffice.warehouse.generate.project import generated_files, stale_files, write_files

__all__ = ["generated_files", "stale_files", "write_files"]
