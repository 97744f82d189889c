"""Signatures against the reference library of Standard Webhooks, and every way to get one wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from backoffice.push.keys import add_push_key, push_keys, retire_push_keys
from backoffice.push.signature import ID, SIGNATURE, TIMESTAMP, BadSignatureError, check_signature, signed_headers
from backoffice.push.signature import new_key as made_key

BODY = b'{"id": "1", "text": "bl\xc3\xa5b\xc3\xa6r"}'
NOW = 1_795_000_000.0


def _refused(match, *keys, body=BODY, now=NOW, **headers):
    with pytest.raises(BadSignatureError, match=match):
        check_signature(keys, headers, body, window_seconds=300, now=now)


def test_the_reference_library_accepts_ours_and_ours_accepts_its():
    key = made_key()
    assert Webhook(key).verify(BODY.decode(), signed_headers(key, BODY, "m1"))["id"] == "1"
    now = time.time()
    theirs = Webhook(key).sign("m1", datetime.fromtimestamp(int(now), UTC), BODY.decode())
    headers = {ID: "m1", TIMESTAMP: str(int(now)), SIGNATURE: theirs}
    check_signature([key], headers, BODY, window_seconds=300)


def test_each_valid_key_fits_and_each_of_several_signatures():
    old, new, other = made_key(), made_key(), made_key()
    headers = signed_headers(old, BODY, "m", NOW)
    check_signature([new, old], headers, BODY, window_seconds=300, now=NOW)
    both = f"v1a,xx {signed_headers(other, BODY, 'm', NOW)[SIGNATURE]} {headers[SIGNATURE]}"
    check_signature([old], headers | {SIGNATURE: both}, BODY, window_seconds=300, now=NOW)
    _refused("does not fit", new, **headers)
    _refused("does not fit", **headers)


def test_what_is_signed_cannot_be_changed():
    key = made_key()
    headers = signed_headers(key, BODY, "m", NOW)
    _refused("does not fit", key, body=BODY + b" ", **headers)
    _refused("does not fit", key, **headers | {ID: "n"})
    _refused("does not fit", key, **headers | {TIMESTAMP: str(int(NOW) + 1)})
    _refused("does not fit", key, **headers | {SIGNATURE: headers[SIGNATURE].replace("v1,", "v2,")})
    _refused("does not fit", key, **headers | {SIGNATURE: "v1, ø"})


@pytest.mark.parametrize("gone", [ID, TIMESTAMP, SIGNATURE])
def test_every_header_is_needed(gone):
    key = made_key()
    _refused("are needed", key, **signed_headers(key, BODY, "m", NOW) | {gone: ""})


@pytest.mark.parametrize("message_id", ["a b", "ø", "x" * 257])
def test_a_message_is_named_in_visible_characters(message_id):
    key = made_key()
    _refused("visible ASCII", key, **signed_headers(key, BODY, message_id, NOW))


@pytest.mark.parametrize("stamp", ["x", "1.5", "-1", "٣", "9" * 400])
def test_a_timestamp_is_whole_seconds(stamp):
    key = made_key()
    _refused("whole seconds", key, **signed_headers(key, BODY, "m", NOW) | {TIMESTAMP: stamp})


@pytest.mark.parametrize(("seconds", "fits"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_the_window_has_two_ends(seconds, fits):
    key = made_key()
    headers = signed_headers(key, BODY, "m", NOW)
    if fits:
        check_signature([key], headers, BODY, window_seconds=300, now=NOW + seconds)
    else:
        _refused("300 s from now", key, now=NOW + seconds, **headers)


def test_keys_are_made_once_added_before_and_retired(settings):
    first = push_keys(settings, "crm")
    assert push_keys(settings, "crm") == first and len(first) == 1
    assert push_keys(settings, "shop") != first
    new = add_push_key(settings, "crm")
    assert push_keys(settings, "crm") == (new, *first)
    assert retire_push_keys(settings, "crm") == 1 and push_keys(settings, "crm") == (new,)
    assert retire_push_keys(settings, "crm") == 0
    assert settings.secrets_path.stat().st_mode & 0o777 == 0o600
