"""`backoffice run` and `backoffice health` where no part runs; `tests/e2e/test_parts.py` runs them."""

from __future__ import annotations

from backoffice.cli.supervise import preparations


def test_a_part_that_is_none_is_named_with_those_there_are(backoffice):
    answer = backoffice("run", "scheduller")
    assert answer.exit_code == 1
    answer = backoffice("health", "company")
    assert answer.exit_code == 1


def test_what_is_prepared_depends_on_whose_the_servers_are(settings):
    def titles(**changes: object) -> list[str]:
        found = preparations(settings.model_copy(update=changes))
        return [step.title.removeprefix("creating the ").removeprefix("preparing ") for step in found]

    server = "postgresql://postgres:x@db:5432/postgres"
    everything = ["source's roles", "platform's databases", "filling the company's systems", "Airflow's database"]
    assert titles() == everything
    assert titles(source_server_url=server, platform_server_url=server) == everything
    assert titles(source_server_url=server, demo=False) == ["platform's databases", "Airflow's database"]
    assert titles(source_url=server) == ["platform's databases", "Airflow's database"]
    external = {"marts_url": server, "airflow_db_url": server, "source_url": server}
    assert titles(**external) == ["Airflow's database"]
