"""`backoffice push`, and what the rest of the command line says once a source is pushed."""

from __future__ import annotations

import socket

import pytest
import yaml
from tests.push.world import TICKET

from backoffice.cli.card import card_lines
from backoffice.cli.start import check_ports
from backoffice.cli.supervise import components, parts
from backoffice.errors import ServerError
from backoffice.push.keys import push_keys


@pytest.fixture
def settings(settings, tmp_path):
    """A project with one pushed source and one that is none."""
    folder = tmp_path / "project" / "sources"
    folder.mkdir(parents=True)
    for name, connection in (("crm", {"kind": "push"}), ("drop", {"kind": "files", "folder": "x"})):
        read = TICKET if name == "crm" else {"pattern": "*.csv", "columns": {"id": "VARCHAR"}, "primary_key": ["id"]}
        content = {
            "apiVersion": "backoffice/v1",
            "source": name,
            "source_relation": name,
            "description": "test",
            "connection": connection,
            "reads": {"ticket": read},
            "tables": {},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return settings.model_copy(update={"project_dir": tmp_path / "project", "demo": False})


def test_keys_are_shown_rotated_and_retired(backoffice, settings):
    shown = backoffice("push", "keys", "crm").output.split()
    (first,) = push_keys(settings, "crm")
    assert shown == ["POST", f"http://127.0.0.1:{settings.push_port}/push/crm", first]
    new = backoffice("push", "rotate", "crm").output.strip()
    assert push_keys(settings, "crm") == (new, first)
    assert backoffice("push", "retire", "crm").output.startswith("1 keys ended")
    assert push_keys(settings, "crm") == (new,)


def test_a_source_that_is_not_pushed_has_no_keys(backoffice, settings):
    for command in ("keys", "rotate", "retire"):
        assert backoffice("push", command, "drop").exit_code == 1
    assert not settings.secrets_path.exists()


def test_the_endpoint_is_a_part_while_a_source_is_pushed(settings):
    assert "push" in {component.name for component in components(settings)}
    assert f"http://127.0.0.1:{settings.push_port}/docs" in dict(card_lines(settings))["push"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.push_port))
        taken.listen()
        with pytest.raises(ServerError, match="BACKOFFICE_PUSH_PORT"):
            check_ports(settings)
        (settings.sources_dir / "crm.yaml").unlink()
        check_ports(settings)
    assert "push" not in {component.name for component in components(settings)}
    assert "push" in {component.name for component in parts(settings)}
    assert "push" not in dict(card_lines(settings))
