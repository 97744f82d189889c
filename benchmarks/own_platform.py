"""A platform of its own, of the small shop or of the living company, started and stopped as `backoffice up` does."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from backoffice.ops.lifecycle import reset, stop
from backoffice.settings import Settings
from lab import CHECKOUT, SHOP, free_port, make_project

_UP_SECONDS = 900.0
_PORTS = ("source_port", "platform_port", "airflow_port", "watch_port", "push_port", "demo_api_port")
_LINKED = ("dags", "plugins")
_OF_A_PROJECT = ("contracts", "dbt_project", "expectations", "sources")


class OwnPlatform:
    """Home, project, ports and processes.

    Args:
        folder: made when it is not there; `home` and `project` are written into it.
        project: of contracts, models and sources, below the folder.
        values: settings that differ from the defaults.
    """

    def __init__(self, folder: Path, project: Path, **values: Any) -> None:
        for name in _LINKED:
            (project / name).symlink_to(CHECKOUT / name)
        values |= {name: free_port() for name in _PORTS}
        values |= {"project_dir": project, "home": folder / "home"}
        values |= {"start_timeout_seconds": _UP_SECONDS}
        self.settings = Settings(**values)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("BACKOFFICE_", "AIRFLOW"))
        } | {f"BACKOFFICE_{name.upper()}": str(value) for name, value in values.items()}

    def begin_start(self) -> subprocess.Popen[bytes]:
        """`backoffice up`, which ends when there is a publication."""
        path = self.settings.home.parent / "up.log"
        with path.open("ab") as output:
            return subprocess.Popen(
                [str(Path(sys.executable).with_name("backoffice")), "up"],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def down(self) -> None:
        """Stop everything and keep the data."""
        stop(self.settings)

    def remove(self) -> None:
        """Delete everything that was written at home."""
        reset(self.settings)


class ShopPlatform(OwnPlatform):
    """One whose only source is the small shop."""

    def __init__(self, folder: Path, **values: Any) -> None:
        project = make_project(folder, yaml.safe_load(SHOP.read_text(encoding="utf-8"))).project_dir
        super().__init__(folder, project, demo_kind="shop", **values)


class CompanyPlatform(OwnPlatform):
    """One whose sources are the project's own: the nine systems of the living company."""

    def __init__(self, folder: Path, **values: Any) -> None:
        project = folder / "project"
        for name in _OF_A_PROJECT:
            shutil.copytree(CHECKOUT / name, project / name, ignore=shutil.ignore_patterns("target", "logs"))
        super().__init__(folder, project, demo_kind="company", **values)


@contextlib.contextmanager
def running(kind: Callable[[Path], OwnPlatform]) -> Iterator[OwnPlatform]:
    """A running platform below a temporary folder, which goes with it.

    Raises:
        SystemExit: it did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="backoffice-bench-", dir=os.environ.get("BENCH_DIR")))
    folder.chmod(0o755)  # as root the servers are another user
    platform = kind(folder)
    try:
        if platform.begin_start().wait():
            sys.exit(f"the platform did not start:\n{(folder / 'up.log').read_text(encoding='utf-8')[-2000:]}")
        yield platform
    finally:
        platform.down()
        platform.remove()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def shop_platform() -> Iterator[Settings]:
    """Settings of a running platform of the shop, as of :func:`running`."""
    with running(ShopPlatform) as platform:
        yield platform.settings
