"""Collecting delimited files from a watched folder.

In: files that have stood still in the folder of a :class:`FilesConnection`. Out: one batch a file, every declared
column as the text in the file, every record that cannot be split as a row with ``_defect``. Files are never moved or
deleted.
"""

from backoffice.collect.files.collector import FileCollector, FileCounts
from backoffice.collect.files.findings import files_held, findings_of

__all__ = ["FileCollector", "FileCounts", "files_held", "findings_of"]
