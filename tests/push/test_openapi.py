"""What the page says against what the endpoint does: generated requests, right and wrong ones, all signed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.push.world import NOTE, TICKET, PushWorld

from backoffice.push.keys import push_keys

_LOGIN = {
    "events": "crm.login",
    "columns": {"user": "VARCHAR", "score": "DOUBLE", "age": "SMALLINT", "more": "JSON"},
    "paths": {"user": "who.name", "score": "who.score"},
    "primary_key": ["user"],
}
_CUSTOMER = {
    "events": "crm.customer",
    "contract": "crm.customer/customer",
    "columns": {"customer_id": "VARCHAR", "name": "VARCHAR", "credit_limit": "DECIMAL(18,4)"},
    "primary_key": ["customer_id"],
}


@pytest.mark.parametrize("examples", [15, pytest.param(1000, marks=pytest.mark.slow)])
def test_schemathesis_finds_nothing(served: PushWorld, tmp_path: Path, examples: int) -> None:
    served.write_source({"ticket": TICKET, "note": NOTE, "login": _LOGIN, "customer": _CUSTOMER})
    served.push({})  # looks at the files again
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{served.client.base_url}/openapi.json"]
    options = [
        "--max-examples",
        str(examples),
        "--seed",
        "4",
        "--mode",
        "all",
        "--no-color",
        "--generation-database",
        "none",
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.push.signing_hooks",
        "PYTHONPATH": f"{Path(__file__).parents[2]}:{Path(__file__).parents[2] / 'plugins'}",
        "PUSH_KEY": push_keys(served.settings, "crm")[0],
    }
    done = subprocess.run(
        [*command, *options], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
