#!/usr/bin/env bash
# Installs the locked environment into .venv and the project itself, editable. Needs only git, make, a compiler and some
# Python 3.11 or 3.12; where that Python cannot make an environment and we are root, apt brings what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

usable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null && usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or 3.12 is needed and none was found; install one, or name it: make setup PYTHON=/path/to/python3.12"
}

# Debian's python3 comes without the part that makes environments.
install_venv() {
    local package
    package="python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "$1 cannot make an environment: sudo apt-get install $package"
    say "installing $package"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

make_venv() {
    local python
    python=$(find_python)
    say "making .venv with $python"
    rm -rf .venv
    if "$python" -m venv .venv >/dev/null 2>&1; then return; fi
    rm -rf .venv
    install_venv "$python"
    "$python" -m venv .venv
}

# The version is the lock's, so that the environment's own uv and the one that made it are the same.
bootstrap_uv() {
    local version
    version=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
    say "installing uv $version"
    .venv/bin/python -m ensurepip --upgrade >/dev/null 2>&1 || true
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$version"
}

usable .venv/bin/python || make_venv
.venv/bin/uv --version >/dev/null 2>&1 || bootstrap_uv
say "installing the locked packages"
scripts/install_locked.sh .venv requirements.lock
# Built with the locked setuptools, so that nothing else is downloaded.
VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip install --quiet --offline --no-deps --no-build-isolation --editable .
say "done"
