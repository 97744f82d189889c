"""Starting the company: its past, its present, and a project whose sources are the company's."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from backoffice.errors import SettingsError
from backoffice.settings import Settings
from backoffice.simulate.company import api, live
from backoffice.simulate.company.helpdesk import Helpdesk
from backoffice.simulate.company.history import Plan, helpdesk_path, prepare
from backoffice.simulate.company.sender import send

_COPIED = ("contracts", "dbt_project", "expectations")
_LINKED = ("dags", "plugins")


def plan_of(settings: Settings, today: date | None = None) -> Plan:
    """The history the settings ask for; it ends the day before ``today`` (UTC)."""
    return Plan(settings.demo_seed, today or datetime.now(UTC).date(), settings.demo_days)


def prepare_company(settings: Settings) -> None:
    """Fill the company's systems with their past, unless that is done.

    Raises:
        SettingsError: the source is an external server, or another company lives in this home.
    """
    prepare(settings, plan_of(settings))


def run_company(settings: Settings, stop: threading.Event) -> None:
    """Live until ``stop`` is set, with the helpdesk's sender and its API beside.

    Raises:
        BackofficeError: as of :func:`backoffice.simulate.company.live.run`, or the API's port is taken.
    """
    helpdesk = Helpdesk(helpdesk_path(settings))
    with api.serving(settings, helpdesk), _sending(settings, helpdesk):
        live.run(settings, stop)


@contextmanager
def _sending(settings: Settings, helpdesk: Helpdesk) -> Iterator[None]:
    stop = threading.Event()
    sender = threading.Thread(target=send, args=(settings, helpdesk, stop), name="helpdesk-sender", daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def make_project(settings: Settings, target: Path) -> Path:
    """A project whose active sources are the company's systems: generated files are its own, code is this one's.

    Raises:
        SettingsError: the folder is there and holds something else.
    """
    from backoffice.contracts import load_contracts
    from backoffice.contracts.derived import write_derived
    from backoffice.validate import write_suites
    from backoffice.warehouse.generate import write_files

    if target.exists() and any(target.iterdir()) and not (target / "sources" / "erp.yaml").exists():
        raise SettingsError(
            "the folder is not empty and no project of the company", where=str(target), next_step="name another folder"
        )
    target.mkdir(parents=True, exist_ok=True)
    # of the code itself: the settings may already name the folder that is written
    checkout: Path = Settings.model_fields["project_dir"].default
    for name in _COPIED:
        shutil.copytree(
            checkout / name, target / name, dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("target", "logs", "staging"),
        )  # fmt: skip
    for name in _LINKED:
        link = target / name
        link.unlink(missing_ok=True)
        link.symlink_to(checkout / name)
    shutil.copytree(checkout / "sources" / "company", target / "sources", dirs_exist_ok=True)
    surveys = target / "sources" / "surveys.yaml"
    usual = Settings.model_fields["demo_api_port"].default
    surveys.write_text(surveys.read_text(encoding="utf-8").replace(f":{usual}", f":{settings.demo_api_port}"), "utf-8")
    own = settings.model_copy(update={"project_dir": target})
    contracts = load_contracts(own.contracts_dir)
    write_files(own)
    write_suites(contracts, own.expectations_dir)
    write_derived(contracts, own.project_dir)
    return target
