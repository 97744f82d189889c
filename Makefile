# Every target works from a fresh checkout: what is missing is installed first.
BIN := .venv/bin
INSTALLED := .venv/.installed
# Three test processes keep two cores busy, for many tests wait for servers. Tests that start servers take ports of
# their own; which stay together and which come first, tests/conftest.py says.
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup up down reset status test test-full test-tools lint format lock bench-freshness bench-rivals bench-bulk bench-camt bench-cdc bench-refresh bench-rate bench-push bench-faults bench-build bench-company soak

help: ## Show the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  %-16s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Install the locked environment into .venv.

$(INSTALLED): requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) scripts/setup.sh
	@touch $@

up: $(INSTALLED) ## Start the platform, wait for the first publication and say where to connect.
	@$(BIN)/backoffice up

down: $(INSTALLED) ## Stop the platform; everything is kept.
	@$(BIN)/backoffice down

reset: $(INSTALLED) ## Stop the platform and delete all its data (YES=1 does not ask).
	@$(BIN)/backoffice reset $(if $(YES),--yes)

status: $(INSTALLED) ## Show processes, sources and what is published.
	@$(BIN)/backoffice status

test: lint test-tools ## What CI runs: lint, types and all tests but the slow ones.
	$(PYTEST) -m "not slow"

test-full: lint test-tools ## All tests, also those that take minutes.
	$(PYTEST)

test-tools: ## Install what tests need besides: a browser.
	@scripts/test_tools.sh

lint: $(INSTALLED) ## Check style, formatting, types, generated files and the conventions of the dbt project.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/backoffice contracts check
	@scripts/lint_dbt.sh

format: $(INSTALLED) ## Put the code into its format.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(INSTALLED) ## Resolve pyproject.toml into requirements.lock, keeping versions that still fit.
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate \
	  --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate \
	  --constraint requirements.lock pyproject.toml -o requirements.runtime.lock

bench-freshness: $(INSTALLED) ## Measure how long a change takes from its commit to the marts.
	$(BIN)/python benchmarks/freshness.py --rate 200 --seconds 300

# The tools that are compared with live in an environment of their own; Debezium needs a Java runtime.
bench-rivals: $(INSTALLED) ## Install the tools the benchmarks compare with, into benchmarks/.venv.
	@test -x benchmarks/.venv/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python benchmarks/.venv
	scripts/install_locked.sh benchmarks/.venv benchmarks/rivals/requirements.lock benchmarks/rivals/samples.lock

bench-bulk: bench-rivals ## Measure the first copy of two million rows beside dlt and COPY.
	$(BIN)/python benchmarks/bulk.py

bench-cdc: bench-rivals ## Measure landed changes a second beside decoding alone and Debezium's engine.
	$(BIN)/python benchmarks/cdc.py

bench-camt: bench-rivals ## Measure reading a bank statement of 20,000 entries beside two parsers from PyPI.
	$(BIN)/python benchmarks/camt.py

bench-refresh: $(INSTALLED) ## Measure a thousand changed rows on a million and ten million order lines.
	$(BIN)/python benchmarks/refresh.py

bench-rate: $(INSTALLED) ## Find the largest rate of changes that is in the marts within ten seconds.
	$(BIN)/python benchmarks/rate.py

bench-push: $(INSTALLED) ## Measure the durable events a second that the push endpoint accepts.
	$(BIN)/python benchmarks/push.py

bench-company: $(INSTALLED) ## Measure how long changes of the whole company take to be in the marts, and what cycles are made of.
	$(BIN)/python benchmarks/company.py

bench-build: $(INSTALLED) ## Measure a full build of ten million journal lines beside its SQL alone.
	$(BIN)/python benchmarks/build.py

bench-faults: $(INSTALLED) ## Measure which of a company's mistakes the gates find, and whether they find others.
	$(BIN)/python benchmarks/faults.py

soak: $(INSTALLED) ## Kill processes at random under load for SECONDS (1200), then compare everything.
	$(BIN)/python benchmarks/soak.py --seconds $(or $(SECONDS),1200)
