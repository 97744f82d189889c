"""A platform of its own whose only source is the small shop, started and stopped as `backoffice up` and `down` do."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from backoffice.ops.lifecycle import reset, stop
from backoffice.settings import Settings
from lab import CHECKOUT, SHOP, free_port, make_project

_UP_SECONDS = 900.0
_PORTS = ("source_port", "platform_port", "airflow_port", "watch_port", "push_port")
_LINKED = ("dags", "plugins")


class ShopPlatform:
    """Home, project, ports and processes.

    Args:
        folder: made when it is not there; `home` and `project` are written into it.
        values: settings that differ from the defaults.
    """

    def __init__(self, folder: Path, **values: Any) -> None:
        project = make_project(folder, yaml.safe_load(SHOP.read_text(encoding="utf-8"))).project_dir
        for name in _LINKED:
            (project / name).symlink_to(CHECKOUT / name)
        values |= {name: free_port() for name in _PORTS}
        values |= {"project_dir": project, "home": folder / "home", "demo_kind": "shop"}
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


@contextlib.contextmanager
def shop_platform() -> Iterator[Settings]:
    """A running platform below a temporary folder, which goes with it.

    Raises:
        SystemExit: it did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="backoffice-bench-", dir=os.environ.get("BENCH_DIR")))
    folder.chmod(0o755)  # as root the servers are another user
    platform = ShopPlatform(folder)
    try:
        if platform.begin_start().wait():
            sys.exit(f"the platform did not start:\n{(folder / 'up.log').read_text(encoding='utf-8')[-2000:]}")
        yield platform.settings
    finally:
        platform.down()
        platform.remove()
        shutil.rmtree(folder, ignore_errors=True)
