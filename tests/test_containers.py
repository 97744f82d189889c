"""Dockerfile and docker-compose.yml against what they speak of: code, settings, folders and locked versions.

Docker itself is not needed: a container that would start with a wrong command, variable, port or path fails here.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from backoffice.airflow.environment import child_environment
from backoffice.cli.main import app
from backoffice.cli.parts import PREPARE, part_health
from backoffice.cli.supervise import parts
from backoffice.errors import ServerError
from backoffice.ops.postgres import _PLATFORM_OPTIONS, _SOURCE_OPTIONS
from backoffice.ops.psql import psql_program
from backoffice.settings import Settings
from backoffice.simulate.company.start import company_variables

CHECKOUT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SERVERS = {name: service for name, service in SERVICES.items() if "build" not in service}
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> DockerfileParser:
    folder = tmp_path_factory.mktemp("docker")
    (folder / "Dockerfile").write_text((CHECKOUT / "Dockerfile").read_text(encoding="utf-8"), encoding="utf-8")
    return DockerfileParser(path=str(folder))


def instructions(dockerfile: DockerfileParser, *kinds: str) -> Iterator[tuple[str, str]]:
    for found in dockerfile.structure:
        if found["instruction"] in kinds:
            yield found["instruction"], found["value"]


def final_stage(dockerfile: DockerfileParser) -> list[tuple[str, str]]:
    found = [(part["instruction"], part["value"]) for part in dockerfile.structure]
    last = max(number for number, (kind, _) in enumerate(found) if kind == "FROM")
    return found[last:]


def image_environment(dockerfile: DockerfileParser) -> dict[str, str]:
    return dict(
        word.split("=", 1) for kind, value in final_stage(dockerfile) if kind == "ENV" for word in value.split()
    )


def test_the_image_is_slim_debian_with_a_python_the_project_allows(dockerfile):
    assert len(dockerfile.parent_images) == 2
    for image in dockerfile.parent_images:
        found = re.fullmatch(r"python:(\d+)\.(\d+)-slim-bookworm", image)
        assert found, image
        assert PROJECT["requires-python"] == ">=3.11,<3.13"
        assert (3, 11) <= (int(found[1]), int(found[2])) < (3, 13)


def test_it_runs_as_nobody_special_and_owns_only_its_volume(dockerfile):
    final = final_stage(dockerfile)
    users = [value for kind, value in final if kind == "USER"]
    assert users == ["backoffice"]
    after = [kind for kind, _ in final[final.index(("USER", "backoffice")) :]]
    assert not {"RUN", "COPY", "ADD"} & set(after)
    home = image_environment(dockerfile)["BACKOFFICE_HOME"]
    assert ("VOLUME", home) in final and ("WORKDIR", home) in final
    made = " ".join(value for kind, value in final if kind == "RUN")
    assert f"install --directory --owner backoffice --group backoffice --mode 0750 {home}" in made


def test_packages_are_the_locked_ones_by_their_hashes(dockerfile):
    for _, command in instructions(dockerfile, "RUN"):
        for call in re.findall(r"pip install [^&]*", command):
            assert "--require-hashes" in call or "--no-deps --no-build-isolation" in call, call
    runtime, full = (_locked(CHECKOUT / name) for name in ("requirements.runtime.lock", "requirements.lock"))
    assert runtime.items() <= full.items()
    assert not {"pytest", "mypy", "ruff", "playwright", "schemathesis"} & runtime.keys()
    wanted = {re.split(r"[\[<>=]", name)[0].lower() for name in PROJECT["dependencies"]}
    assert wanted <= runtime.keys()
    assert "https://" not in (CHECKOUT / "requirements.runtime.lock").read_text(encoding="utf-8")


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]*])?==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_locked_setuptools_is_cut_out_whole(dockerfile, tmp_path):
    (command,) = [value for _, value in instructions(dockerfile, "RUN") if "setuptools.lock" in value]
    cut = command.split("&&")[0].replace("/build/requirements.lock", str(CHECKOUT / "requirements.lock"))
    done = subprocess.run(cut.split(">")[0], shell=True, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("setuptools==") and all(line.strip().startswith("--hash=") for line in lines[1:])
    assert len(lines) >= 2 and not lines[-1].endswith("\\")


def test_what_is_copied_exists_and_is_not_ignored(dockerfile):
    allowed, refused = _ignore_rules()
    copied = []
    for _, value in instructions(dockerfile, "COPY"):
        if value.startswith("--from="):
            continue
        copied += value.split()[:-1]
    for name in copied:
        assert (CHECKOUT / name).exists(), name
        assert name in allowed, f"{name} is left out by .dockerignore"
    assert set(allowed) == set(copied), "what is let in is what is copied"
    tracked = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if name.split("/")[0] in copied:
            assert not any(fnmatch.fnmatch(name, rule) for rule in refused), name


def test_no_data_secret_or_leftover_gets_into_a_layer(dockerfile):
    allowed, refused = _ignore_rules()
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line and not line.startswith("#")) == "*"
    for name in ("var", ".env", "sources.env", ".venv", ".git", "tests", "benchmarks"):
        assert name not in allowed
    for name in ("dbt_project/target", "**/__pycache__", "**/*.duckdb", "**/.env"):
        assert name in refused
    text = "\n".join(f"{kind} {value}" for kind, value in instructions(dockerfile, "ENV", "ARG", "RUN", "COPY"))
    assert not re.search(r"password|secret|token|api_?key|credential", text, re.IGNORECASE)


def _ignore_rules() -> tuple[list[str], list[str]]:
    lines = [line.strip() for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()]
    rules = [line for line in lines if line and not line.startswith("#")]
    return [rule[1:] for rule in rules if rule.startswith("!")], [
        rule for rule in rules[1:] if not rule.startswith("!")
    ]


def test_the_image_has_the_layout_the_code_looks_for(dockerfile):
    """Settings find the project beside the package, so each folder must lie where a checkout has it."""
    root = Path("/opt/backoffice")
    targets = {value.split()[-1] for kind, value in instructions(dockerfile, "COPY") if kind == "COPY"}
    made = Settings(project_dir=root)
    folders = (made.contracts_dir, made.sources_dir, made.expectations_dir, made.dbt_dir, made.dags_dir)
    for folder in (*folders, made.plugins_dir):
        assert str(folder) in targets, folder
    package = made.plugins_dir / "backoffice" / "settings.py"
    assert package.parents[2] == root  # what settings.py takes for the project


def test_every_variable_of_ours_is_a_setting(dockerfile):
    fields = {f"BACKOFFICE_{name.upper()}" for name in Settings.model_fields}
    for names in (image_environment(dockerfile), *(service["environment"] for service in OURS.values())):
        assert {name for name in names if name.startswith("BACKOFFICE_")} <= fields
    assert issubclass(Settings, BaseSettings)


def test_variables_to_fill_in_are_explained_in_the_example():
    text = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)", text))
    explained = set(re.findall(r"^(\w+)=", (CHECKOUT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used <= explained and explained - used <= {"COMPOSE_PROFILES"}
    for name in used:
        if "PASSWORD" in name:
            assert len(re.findall(rf"\$\{{{name}:\?", text)) == len(re.findall(rf"\$\{{{name}", text)), "it must be set"
            assert f"\n{name}=\n" in (CHECKOUT / ".env.example").read_text(encoding="utf-8"), "and has no default"
    assert {".env", "sources.env"} <= set((CHECKOUT / ".gitignore").read_text(encoding="utf-8").splitlines())


def test_the_services_are_the_parts_the_platform_is_made_of(settings):
    names = {component.name for component in parts(settings)} | {PREPARE}
    commands = {name: service["command"] for name, service in OURS.items()}
    assert commands == {name: ["run", name] for name in names}
    assert all(service["image"] == f"backoffice:{PROJECT['version']}" for service in OURS.values())
    for words in (["run"], ["health"]):
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_what_a_part_executes_exists(settings):
    commands = [list(component.command) for component in parts(settings)]
    assert all(command[:2] == [sys.executable, "-m"] for command in commands)
    ours = {command[2] for command in commands} - {"airflow"}
    assert ours == {"backoffice.simulate.company", "backoffice.watch", "backoffice.push"}
    assert all(importlib.util.find_spec(f"{name}.__main__") for name in ours)
    # Airflow's own parser takes its commands with their options
    parse = "import json, sys; from airflow.cli.cli_parser import get_parser\n"
    parse += "for words in json.loads(sys.argv[1]): get_parser().parse_args(words)"
    words = json.dumps([command[3:] for command in commands if command[2] == "airflow"])
    done = subprocess.run(
        [sys.executable, "-c", parse, words],
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]


def test_health_checks_ask_what_can_be_asked(settings, dockerfile):
    checked = {
        name: service["healthcheck"]["test"] for name, service in OURS.items() if "test" in service["healthcheck"]
    }
    assert checked == {name: ["CMD", "backoffice", "health", name] for name in checked}
    assert set(OURS) - set(checked) == {PREPARE, "company"}
    assert all(OURS[name]["healthcheck"]["disable"] for name in set(OURS) - set(checked))
    for name in checked:
        with pytest.raises(ServerError, match=f"{name} is out of reach"):
            part_health(settings, name)
    (check,) = [value for kind, value in final_stage(dockerfile) if kind == "HEALTHCHECK"]
    assert check.endswith('CMD ["backoffice", "health", "api-server"]')
    assert ("ENTRYPOINT", '["backoffice"]') in final_stage(dockerfile)


def test_ports_are_the_settings_and_on_this_host_only(dockerfile):
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "platform-db": [f"127.0.0.1:{DEFAULTS['platform_port']}:5432"],
        "source-db": [f"127.0.0.1:{DEFAULTS['source_port']}:5432"],
        "api-server": [f"127.0.0.1:{DEFAULTS['airflow_port']}:{DEFAULTS['airflow_port']}"],
        "watch": [f"127.0.0.1:{DEFAULTS['watch_port']}:{DEFAULTS['watch_port']}"],
        "push": [f"127.0.0.1:{DEFAULTS['push_port']}:{DEFAULTS['push_port']}"],
    }
    exposed = " ".join(str(DEFAULTS[f"{name}_port"]) for name in ("airflow", "watch", "push"))
    assert ("EXPOSE", exposed) in final_stage(dockerfile)


def test_every_part_shares_the_volume_and_the_environment(dockerfile):
    home = image_environment(dockerfile)["BACKOFFICE_HOME"]
    first = next(iter(OURS.values()))
    for name, service in OURS.items():
        assert service["volumes"] == [f"home:{home}"], name
        assert service["environment"] == first["environment"], name
        assert service["environment"]["BACKOFFICE_HOME"] == home
    for name in ("BACKOFFICE_AIRFLOW_HOST", "BACKOFFICE_PUSH_HOST"):
        assert service["environment"][name] in SERVICES
    (where,) = company_variables(Settings())
    assert service["environment"][where] == f"http://company:{DEFAULTS['demo_api_port']}"
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"])


def test_the_servers_are_of_the_version_and_configuration_the_code_is_made_for(settings):
    said = subprocess.run([psql_program(settings), "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"(\d+)\.", said)
    assert major is not None
    for name, options in (("platform-db", _PLATFORM_OPTIONS), ("source-db", _SOURCE_OPTIONS)):
        service = SERVERS[name]
        assert service["image"] == f"postgres:{major[1]}-bookworm"
        command = service["command"]
        assert command[0] == "postgres" and set(command[1::2]) == {"-c"}
        assert dict(option.split("=") for option in command[2::2]) == options
        assert service["environment"]["POSTGRES_HOST_AUTH_METHOD"] == "scram-sha-256"
        # since version 18 the image keeps its data in a folder of the major version below this one
        assert service["volumes"] == [f"{name}:/var/lib/postgresql"]
        url = OURS["prepare"]["environment"][f"BACKOFFICE_{name.split('-')[0].upper()}_SERVER_URL"]
        assert url.endswith(f"@{name}:5432/postgres")


def test_services_wait_for_what_they_need():
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            if condition == "service_healthy":
                assert "test" in SERVICES[needed]["healthcheck"], f"{name} waits for {needed}, who never tells"
            else:
                assert condition == "service_completed_successfully" and needed == PREPARE
            profiles = set(SERVICES[needed].get("profiles", []))
            assert profiles <= set(service.get("profiles", [])) or how.get("required") is False, f"{name} → {needed}"
        assert service["restart"] == ("on-failure" if name == PREPARE else "unless-stopped")


def test_only_the_demo_needs_the_demo_s_server():
    assert {name for name, service in SERVICES.items() if "demo" in service.get("profiles", [])} == {
        "source-db",
        "company",
    }
