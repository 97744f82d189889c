"""``python -m tests.dags.write_snapshot``: accept the DAGs as they are now."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.dags.conftest import load

from backoffice.settings import Settings


def main() -> None:
    """Rewrite ``snapshot.json``."""
    with tempfile.TemporaryDirectory() as folder:
        dags = load(Settings(home=Path(folder)))["dags"]
    Path(__file__).with_name("snapshot.json").write_text(json.dumps(dags, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
