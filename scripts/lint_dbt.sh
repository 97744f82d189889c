#!/usr/bin/env bash
# Checks the conventions of the dbt project (dbt_project/dbt-bouncer.yml). Opens no warehouse.
set -euo pipefail
cd "$(dirname "$0")/../dbt_project"
tools=$(cd ../.venv/bin && pwd)
export DBT_PROFILES_DIR=. DO_NOT_TRACK=1 DBT_SEND_ANONYMOUS_USAGE_STATS=false
"$tools/dbt" --quiet parse --log-path target/logs
"$tools/dbt-bouncer" run --config-file dbt-bouncer.yml >target/conventions.log 2>&1 || {
    cat target/conventions.log
    exit 1
}
grep --only-matching 'SUCCESS=.*' target/conventions.log
