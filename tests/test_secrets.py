from __future__ import annotations

import base64
import json
import multiprocessing
import os

import pytest

from backoffice.errors import SettingsError
from backoffice.push.keys import add_push_key
from backoffice.secrets import Secrets, load_secrets


def _load_together(settings, barrier, answers):
    barrier.wait()
    answers.put(load_secrets(settings).model_dump())


def test_first_load_writes_a_file_for_the_owner_only(settings):
    old = os.umask(0)
    try:
        load_secrets(settings)
    finally:
        os.umask(old)
    assert settings.secrets_path.stat().st_mode & 0o777 == 0o600
    assert not list(settings.home.glob("*.tmp"))


def test_secrets_stay_and_differ_from_each_other(settings):
    first = load_secrets(settings)
    assert load_secrets(settings) == first
    values = list(first.model_dump(exclude={"push_keys"}).values())
    assert len(set(values)) == len(values) == len(Secrets.model_fields) - 1
    assert min(len(value) for value in values) >= 32


def test_fernet_key_has_32_bytes(settings):
    assert len(base64.urlsafe_b64decode(load_secrets(settings).airflow_fernet_key)) == 32


def test_a_later_field_is_added_and_nothing_is_lost(settings):
    stored = load_secrets(settings).model_dump()
    del stored["airflow_jwt_secret"]
    settings.secrets_path.write_text(json.dumps(stored | {"of_another_version": "kept"}))
    again = load_secrets(settings)
    on_disk = json.loads(settings.secrets_path.read_text())
    assert on_disk == stored | {"of_another_version": "kept", "airflow_jwt_secret": again.airflow_jwt_secret}
    assert settings.secrets_path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_open_to_others_is_refused(settings, mode):
    load_secrets(settings)
    settings.secrets_path.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 {settings.secrets_path}"):
        load_secrets(settings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source_password": 5}', '{"source_password": ""}'])
def test_a_damaged_file_is_refused_and_kept(settings, text):
    load_secrets(settings)
    settings.secrets_path.write_text(text)
    with pytest.raises(SettingsError, match="not what was written"):
        load_secrets(settings)
    assert settings.secrets_path.read_text() == text


def test_a_damaged_value_is_not_shown(settings):
    stored = load_secrets(settings).model_dump() | {"marts_reader_password": ["visible"]}
    settings.secrets_path.write_text(json.dumps(stored))
    with pytest.raises(SettingsError, match="marts_reader_password") as caught:
        load_secrets(settings)
    assert "visible" not in str(caught.value)


def test_no_value_is_shown_by_repr(settings):
    key = add_push_key(settings, "crm")
    found = load_secrets(settings)
    values = [*found.model_dump(exclude={"push_keys"}).values(), key]
    assert not [value for value in values if value in f"{found!r} {found}"]


def test_processes_that_start_together_agree(settings):
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_load_together, args=(settings, barrier, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join()
    assert found == [json.loads(settings.secrets_path.read_text())] * 4
