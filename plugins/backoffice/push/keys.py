"""The signing keys of a source's senders: several are valid while one is being replaced by the next.

They are in ``secrets.json``. Making a key does not end the ones before it: the sender changes over, then they are
retired.
"""

from __future__ import annotations

from backoffice.push.signature import new_key
from backoffice.secrets import load_secrets, set_push_keys
from backoffice.settings import Settings


def push_keys(settings: Settings, source: str) -> tuple[str, ...]:
    """The valid keys of a source, the newest first; its first one is made when there is none.

    Raises:
        SettingsError: the secrets cannot be read.
    """
    found = load_secrets(settings).push_keys.get(source, ())
    return found or set_push_keys(settings, source, lambda keys: keys or (new_key(),)).push_keys[source]


def add_push_key(settings: Settings, source: str) -> str:
    """Make another key, and give it; those before stay valid."""
    return set_push_keys(settings, source, lambda keys: (new_key(), *keys)).push_keys[source][0]


def retire_push_keys(settings: Settings, source: str) -> int:
    """End all keys of a source but the newest; gives how many ended."""
    before = len(push_keys(settings, source))
    set_push_keys(settings, source, lambda keys: keys[:1])
    return before - 1
