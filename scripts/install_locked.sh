#!/usr/bin/env bash
# Puts exactly the files that locks name, by their hashes, into an environment: install_locked.sh VENV LOCK...
# Behind a company's certificate uv has to be told to trust the system's; behind a company's mirror only pip knows its
# address. A lock names all that its packages need, so nothing is resolved.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

VIRTUAL_ENV=$(cd "$1" && pwd)
export VIRTUAL_ENV
shift
.venv/bin/uv pip sync --quiet --require-hashes "$@" && exit
say "trying again with the system's certificates"
.venv/bin/uv pip sync --quiet --system-certs --require-hashes "$@" && exit
say "trying again with pip, which takes some minutes"
"$VIRTUAL_ENV/bin/python" -m ensurepip --upgrade >/dev/null 2>&1 || true
"$VIRTUAL_ENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes "${@/#/--requirement=}"
