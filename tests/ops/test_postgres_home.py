from __future__ import annotations

import os
import sys

import pytest

from backoffice.errors import SettingsError
from backoffice.ops.postgres_home import install_dir, place_of, run_as, shared_dir

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user")


@as_root
@pytest.mark.parametrize("name", ["root", "no_such_user"])
def test_an_unusable_user_names_the_setting(name):
    with pytest.raises(SettingsError, match="BACKOFFICE_OS_USER"):
        run_as(name)


def test_whoever_is_not_root_runs_it_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run_as("no_such_user") is None
    assert place_of(tmp_path / "source", tmp_path / "shared", None) == tmp_path / "source"
    assert install_dir(None, tmp_path / "shared").is_relative_to(sys.prefix)
    assert not (tmp_path / "shared").exists()


def test_each_home_has_its_own_shared_folder(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert shared_dir(tmp_path / "a") == shared_dir(tmp_path / "link")
    assert shared_dir(tmp_path / "a") != shared_dir(tmp_path / "b")
