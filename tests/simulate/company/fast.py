"""The company's process with a clock that runs faster, as ``python -m``: home, two ports, start and speed."""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from backoffice.settings import Settings
from backoffice.simulate.company import live

DAYS = 2
"""So many days pass, then time stands still."""


def settings_of(home: Path, source_port: int, platform_port: int) -> Settings:
    return Settings(home=home, source_port=source_port, platform_port=platform_port, source_url="", demo_days=20)


def main(home: str, source_port: str, platform_port: str, began: str, speed: str) -> None:
    """``began`` is the wall's time, in seconds, at which the day began."""
    settings = settings_of(Path(home), int(source_port), int(platform_port))
    world = live.load(settings)
    first = datetime.combine(world.born, datetime.min.time(), UTC).timestamp() + settings.demo_days * 86_400

    def clock() -> datetime:
        passed = min((time.time() - float(began)) * float(speed), DAYS * 86_400)
        return datetime.fromtimestamp(first + passed, UTC)

    live.run(settings, threading.Event(), clock)


if __name__ == "__main__":
    main(*sys.argv[1:])
