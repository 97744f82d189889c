"""Watch: what goes wrong is told once, and measured.

In: status files, heartbeats, manifests and what failing tasks leave behind; never the warehouse, and nothing of
Airflow's, so that it works when either is away. Out: alerts by log, e-mail and webhook, and ``/metrics``.
"""
