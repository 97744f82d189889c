"""Taking a source in: proposing its mapping, and checking it on the source's own rows before anything is collected.

In: a source's YAML and the source itself. Out: :class:`~backoffice.onboard.report.Report`, or the text of a new YAML.
Nothing is landed and nothing in the warehouse is touched.
"""
