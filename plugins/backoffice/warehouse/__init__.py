"""The warehouse: one DuckDB file, one writer. Load → build → audit are the steps that change it.

In: landed batches and verdicts. Out: audited marts of one generation, ready to publish.
"""
