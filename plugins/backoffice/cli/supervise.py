"""The supervisor's process: which servers, preparations and components the platform is made of."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace

from backoffice.airflow.components import airflow_components, prepare_airflow
from backoffice.airflow.environment import child_environment, inherited_environment
from backoffice.airflow.sources import readable_sources
from backoffice.errors import BackofficeError
from backoffice.ops.postgres import (
    EmbeddedPostgres,
    embedded_clusters,
    ensure_platform,
    ensure_source_roles,
)
from backoffice.ops.process import Component
from backoffice.ops.supervisor import Preparation, Supervisor
from backoffice.settings import Settings, get_settings
from backoffice.simulate import prepare as prepare_shop
from backoffice.simulate.company.start import company_variables, prepare_company

log = logging.getLogger(__name__)


def servers(settings: Settings) -> Sequence[EmbeddedPostgres]:
    """The embedded PostgreSQL servers that no URL setting replaces."""
    return embedded_clusters(settings)


def preparations(settings: Settings) -> Sequence[Preparation]:
    """What must be there before the processes start."""
    wanted = []
    if not settings.source_url and (settings.demo or not settings.source_server_url):
        wanted.append(Preparation("creating the source's roles", lambda: ensure_source_roles(settings)))
    if not (settings.airflow_db_url and settings.marts_url):
        wanted.append(Preparation("creating the platform's databases", lambda: ensure_platform(settings)))
    if _has_demo(settings):
        # before the collectors start, so that their first runs find something
        wanted.append(demo_preparation(settings))
    wanted.append(Preparation("preparing Airflow's database", lambda: prepare_airflow(settings)))
    return wanted


def components(settings: Settings) -> Sequence[Component]:
    """The processes to keep running, in the order they start."""
    wanted = [*airflow_components(settings), watch_component(settings)]
    if is_pushed_to(settings):
        wanted.insert(0, push_component(settings))
    if _has_demo(settings):
        wanted.insert(0, demo_component(settings))
    return [_told(component, settings) for component in wanted]


def demo_preparation(settings: Settings) -> Preparation:
    """Its past, which a demo must have before it goes on."""
    if settings.demo_kind == "company":
        return Preparation("filling the company's systems", lambda: prepare_company(settings))
    return Preparation("filling the demo shop", lambda: prepare_shop(settings))


def demo_component(settings: Settings) -> Component:
    """The process that keeps the demo's systems changing."""
    is_company = settings.demo_kind == "company"
    module = "backoffice.simulate.company" if is_company else "backoffice.simulate"
    command = (sys.executable, "-m", module)
    return Component("company" if is_company else "demo-shop", command, child_environment(settings))


def parts(settings: Settings) -> Sequence[Component]:
    """The processes there can be: a container of one runs whether it is wanted yet or not."""
    wanted = components(settings)
    return wanted if is_pushed_to(settings) else [push_component(settings), *wanted]


def push_component(settings: Settings) -> Component:
    """The push endpoint: it needs nothing of the others, and senders find it while they start or stop."""
    return Component("push", (sys.executable, "-m", "backoffice.push"), inherited_environment(settings))


def is_pushed_to(settings: Settings) -> bool:
    """Whether a source is pushed, so that there is something for the endpoint to serve."""
    return any(config.connection.kind == "push" for config in readable_sources(settings).values())


def watch_component(settings: Settings) -> Component:
    """The watcher: it has nothing of Airflow's, and tells when Airflow is down."""
    return Component("watch", (sys.executable, "-m", "backoffice.watch"), inherited_environment(settings))


def _told(component: Component, settings: Settings) -> Component:
    """The process told where the demo's systems are, unless our own environment says so."""
    if not (_has_demo(settings) and settings.demo_kind == "company"):
        return component
    return replace(component, environment={**company_variables(settings), **component.environment})


def _has_demo(settings: Settings) -> bool:
    return settings.demo and not settings.source_url


def main() -> None:
    """Supervise in the foreground; the exit code is 1 when the platform could not be started."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = get_settings()
    supervisor = Supervisor(settings, servers(settings), preparations(settings), lambda: components(settings))
    try:
        supervisor.run()
    except BackofficeError as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
