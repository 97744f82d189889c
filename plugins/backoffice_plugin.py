"""The platform's Airflow plugin. Every Airflow process imports it, so it stays thin."""

import sys
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


def _pages() -> list[dict[str, Any]]:
    """Pages of ours; only the API server shows any, and others need not import the web framework."""
    if "airflow.api_fastapi.app" not in sys.modules:
        return []
    from backoffice.airflow.page import status_app

    return [{"name": "Backoffice", "app": status_app(), "url_prefix": "/backoffice"}]


class BackofficePlugin(AirflowPlugin):
    """Adds the page *Marts*: which version readers see, and why it is not a newer one."""

    name = "backoffice"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = _pages()
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Marts",
            "href": "/backoffice/status",
            "url_route": "marts",
            "destination": "nav",
            "nav_top_level": True,
        }
    ]
