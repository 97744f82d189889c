"""Taking secrets out of texts that leave the machine: a driver's error may hold an address with its password."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from backoffice.secrets import load_secrets
from backoffice.settings import Settings
from backoffice.watch.causes import Cause

_MASK = "***"
_LOGIN = re.compile(r"(\w+://[^\s:/@]*):[^\s@]+@")
_WORD = re.compile(r"\b((?:password|token|secret)\s*[=:]\s*)\S+", re.IGNORECASE)


def redactor(settings: Settings) -> Callable[[str], str]:
    """A function that masks this installation's secrets, and whatever looks like one."""

    def redact(text: str) -> str:
        for secret in _known(settings):
            text = text.replace(secret, _MASK)
        return _WORD.sub(rf"\1{_MASK}", _LOGIN.sub(rf"\1:{_MASK}@", text))

    return redact


def _known(settings: Settings) -> list[str]:
    """Every secret there is now, the longest first; a source that is added brings keys of its own."""
    kept = load_secrets(settings).model_dump()
    keys = [key for of_source in kept.pop("push_keys").values() for key in of_source]
    return sorted([*kept.values(), *keys], key=len, reverse=True)


def redacted(cause: Cause, redact: Callable[[str], str]) -> Cause:
    """The cause with its texts masked."""
    return replace(cause, what=redact(cause.what), how_bad=redact(cause.how_bad), next_step=redact(cause.next_step))
