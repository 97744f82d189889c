from __future__ import annotations

import re
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
TARGETS = {
    "setup",
    "up",
    "down",
    "reset",
    "status",
    "test",
    "test-full",
    "lint",
    "lock",
    "bench-freshness",
    "soak",
    "help",
}


def test_help_lists_every_target():
    command = ["make", "--no-print-directory", "help"]  # these tests may be run by make themselves
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    phony = re.search(r"^\.PHONY: (.*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert listed == set(phony[1].split())
    assert listed >= TARGETS


def test_the_lock_brings_its_own_uv():
    """What `make setup` installs the lock with is the version the lock names."""
    lock = (CHECKOUT / "requirements.lock").read_text()
    assert re.search(r"^uv==\S+ \\$", lock, re.MULTILINE)
    assert "https://" not in lock


def test_scripts_are_executable():
    scripts = sorted((CHECKOUT / "scripts").glob("*.sh"))
    assert scripts
    for path in (*scripts, CHECKOUT / ".ci" / "run"):
        assert path.stat().st_mode & 0o111, path
        assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
