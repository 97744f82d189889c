"""Signatures of pushed requests, as Standard Webhooks has them: HMAC-SHA256 over ``<id>.<timestamp>.<body>``.

For senders :func:`signed_headers`; for the endpoint :func:`check_signature`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

_PREFIX = "whsec_"
_VERSION = "v1,"
_KEY_BYTES = 32
_MESSAGE_ID = re.compile("[!-~]{1,256}")


class BadSignatureError(Exception):
    """A request that was not signed with a valid key, or not within the window; says which."""


def new_key() -> str:
    """A fresh key as it is given to a sender: ``whsec_`` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def signed_headers(key: str, body: bytes, message_id: str, at: float | None = None) -> dict[str, str]:
    """The three headers of a request.

    Args:
        key: ``whsec_…``, as :func:`new_key` makes it.
        body: the bytes that are sent, exactly.
        message_id: 1 to 256 visible ASCII characters that name the message; a retry uses the same.
        at: Unix time in seconds; now when None. A retry is signed anew.
    """
    stamp = str(int(time.time() if at is None else at))
    return {ID: message_id, TIMESTAMP: stamp, SIGNATURE: _VERSION + _signature(key, message_id, stamp, body)}


def check_signature(
    keys: Sequence[str], headers: Mapping[str, str], body: bytes, *, window_seconds: float, now: float | None = None
) -> None:
    """Return when one of the request's signatures was made with one of the keys, within the window around now.

    Args:
        keys: the source's valid keys; several while one is being replaced.
        headers: of the request, by lower-case name.
        body: the bytes that came, unchanged.
        window_seconds: how old, or how far ahead, the timestamp may be.
        now: Unix time in seconds; the clock's when None.

    Raises:
        BadSignatureError: a header is missing, the timestamp is outside the window, or no signature fits.
    """
    message_id, stamp, given = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (message_id and stamp and given):
        raise BadSignatureError(f"the headers {ID}, {TIMESTAMP} and {SIGNATURE} are needed")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise BadSignatureError(f"{ID} must be 1 to 256 visible ASCII characters")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise BadSignatureError(f"{TIMESTAMP} must be whole seconds since 1970")
    if abs((time.time() if now is None else now) - int(stamp)) > window_seconds:
        raise BadSignatureError(f"{TIMESTAMP} is more than {window_seconds:.0f} s from now")
    wanted = [_signature(key, message_id, stamp, body).encode() for key in keys]
    for word in given.split(" "):
        found = word.removeprefix(_VERSION).encode() if word.startswith(_VERSION) else b""
        if any(hmac.compare_digest(found, one) for one in wanted):
            return
    raise BadSignatureError("the signature does not fit the body and a valid key")


def _signature(key: str, message_id: str, stamp: str, body: bytes) -> str:
    signed = f"{message_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(_secret(key), signed, hashlib.sha256).digest()).decode()


def _secret(key: str) -> bytes:
    try:
        return base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a signing key is whsec_ and base64") from error
