"""The page *Marts* in Airflow: which version readers see, and why it is not a newer one.

In: ``status.json``, as the last cycle wrote it. Out: one HTML page for users who are logged in to Airflow. It needs
nothing else, so it also answers while the warehouse is held and PostgreSQL is away.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from backoffice.settings import Settings, get_settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def _moment(text: str | None) -> str:
    """An instant of the status (UTC) to the second."""
    return f"{text[:19].replace('T', ' ')} UTC" if text else ""


_TEMPLATES = Environment(autoescape=True)
_TEMPLATES.filters["moment"] = _moment
_PAGE = _TEMPLATES.from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>Marts</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; color: #1f2933; background: #fff; max-width: 75rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #d9dee3; vertical-align: top }
.state { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; color: #fff; background: #52606d }
.published { background: #1a7f37 } .withheld { background: #c62828 } .held { background: #b35900 }
pre { white-space: pre-wrap; background: #fff4e5; border-left: 4px solid #b35900; padding: .6rem 1rem }
</style></head><body>
{% if not status %}<h1>Marts</h1><p>Nothing has been built yet.</p>
{% else %}
<h1>Marts <span class="state {{ status.state }}">{{ status.state }}</span></h1>
{% if status.reason %}<pre>{{ status.reason }}</pre>{% endif %}
<table>
<tr><th>Version in PostgreSQL</th><td>{{ status.version or "none" }}</td></tr>
<tr><th>Version of the DuckDB file</th><td>{{ status.file_version or "none" }}</td></tr>
<tr><th>Built for</th><td>{{ status.as_of | moment }}</td></tr>
<tr><th>Seen by readers since</th><td>{{ status.published_at | moment }}</td></tr>
<tr><th>Checked</th><td>{{ status.checked_at | moment }}</td></tr>
{% if status.postgres_error %}<tr><th>PostgreSQL</th><td>{{ status.postgres_error }}</td></tr>{% endif %}
{% if status.file_error %}<tr><th>status.duckdb</th><td>{{ status.file_error }}</td></tr>{% endif %}
</table>
<h2>Newest builds</h2>
<table><tr><th>Build</th><th>State</th><th>Version</th><th>Built for</th><th>Why</th></tr>
{% for build in status.generations %}<tr><td>{{ build.generation }}</td>
<td><span class="state {{ build.state }}">{{ build.state }}</span></td><td>{{ build.version or "" }}</td>
<td>{{ build.as_of | moment }}</td><td>{{ build.reason }}</td></tr>{% endfor %}</table>
{% endif %}
<p><code>backoffice versions</code> lists what can be published again; <code>rollback_marts</code> and
<code>publish_marts</code> are the DAGs that do it.</p>
</body></html>""")


def render(status: dict[str, Any]) -> str:
    """The page of a status; an empty one says that nothing has been built."""
    return _PAGE.render(status=status)


def status_app() -> FastAPI:
    """The web application Airflow's API server mounts; it answers users who are logged in, and nobody else."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    app = FastAPI(title="Backoffice", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/status", response_class=HTMLResponse, dependencies=[Depends(get_user)])
    def show() -> str:
        return render(_status(get_settings()))

    return app


def _status(settings: Settings) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((settings.status_dir / "status.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
