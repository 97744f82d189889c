from __future__ import annotations

import pytest

from backoffice.errors import SettingsError
from backoffice.ops.lifecycle import reset, stop
from backoffice.secrets import load_secrets


def test_reset_deletes_the_home_folder(settings):
    load_secrets(settings)
    (settings.home / "landing" / "shop").mkdir(parents=True)
    reset(settings)
    assert not settings.home.exists()
    reset(settings)


def test_reset_refuses_a_folder_that_is_not_the_platform_s(settings):
    settings.home.mkdir()
    (settings.home / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="does not look like"):
        reset(settings)
    assert (settings.home / "thesis.txt").exists()


def test_reset_refuses_a_folder_that_holds_the_project(settings, tmp_path):
    home = tmp_path / "home"
    load_secrets(settings)
    outside = settings.model_copy(update={"project_dir": home / "checkout"})
    with pytest.raises(SettingsError, match="does not look like"):
        reset(outside)
    assert home.exists()


def test_stopping_what_never_ran_does_nothing(settings):
    assert not stop(settings)
    assert not settings.home.exists()
