"""The platform's clock set forward or back, in this process."""

from __future__ import annotations

import datetime as real
import sys
import time
from types import ModuleType

import pytest


class _Shifted(type):
    """Every other ``datetime`` is one of these too."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, real.datetime)


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Move what every loaded module of the platform takes for now; undone by the fixture."""
    by = real.timedelta(hours=hours)

    class Shifted(real.datetime, metaclass=_Shifted):
        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> real.datetime:  # type: ignore[override]
            return real.datetime.now(tz) + by

    seconds = time.time
    monkeypatch.setattr(time, "time", lambda: seconds() + by.total_seconds())
    for module in _modules():
        monkeypatch.setattr(module, "datetime", Shifted)


def _modules() -> list[ModuleType]:
    loaded = [module for name, module in list(sys.modules.items()) if name.startswith("backoffice.")]
    return [module for module in loaded if getattr(module, "datetime", None) is real.datetime]
