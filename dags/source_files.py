"""Shows a broken source file on Airflow's page, as an import error of this file.

Airflow takes every DAG of a file away while that file has an import error, so `collect.py` skips a broken source, and
the error is raised here, where there is no DAG to lose.
"""

from backoffice.airflow.sources import check_sources
from backoffice.settings import get_settings

check_sources(get_settings())
