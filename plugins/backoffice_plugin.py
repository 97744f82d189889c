"""The platform's Airflow plugin. Every Airflow process imports it, so it stays thin."""

from airflow.plugins_manager import AirflowPlugin


class BackofficePlugin(AirflowPlugin):
    """Names the platform in Airflow's list of plugins."""

    name = "backoffice"
