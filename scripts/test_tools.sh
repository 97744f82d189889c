#!/usr/bin/env bash
# What tests need besides the locked environment: a browser, for pages are looked at in one. As root, apt brings it.
set -euo pipefail

say() { printf 'test tools: %s\n' "$*" >&2; }

command -v chromium >/dev/null && exit
if ! { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }; then
    say "tests look at pages in Chromium, which is not installed: sudo apt-get install chromium"
    exit 1
fi
say "installing chromium"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
