# ACM: every command that people need. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test test-engines test-browser bench check describe lock clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Python keeps what it compiled, whatever the machine says: every process of the product starts sooner.
export PYTHONDONTWRITEBYTECODE :=
# Thousands of small databases are made and thrown away: in memory, where there is a place for it.
export PYTEST_DEBUG_TEMPROOT := $(wildcard /dev/shm)
# Each file stays in one process, which fills its worlds once; files go out in this order.
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder
# What runs again on the real engines. Both that bring engines of their own (faults, deploy) are far apart.
ENGINE_SUITES := tests/faults tests/platform tests/services tests/deploy tests/flows tests/recall

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.ready ## set up and start everything at http://127.0.0.1:8080
	@exec $(BIN)/acm run

test: $(VENV)/.ready-dev ## the tests on the embedded engines, with the spine in a real browser
	@$(BIN)/python -m tests.browser_here
	@$(PYTEST) $(IN_TWO) -m "not browser or spine" tests

test-engines: $(VENV)/.ready-dev ## the tests on Kafka, Elasticsearch and PostgreSQL (started here unless the environment names them)
	@ACM_TEST_ENGINES=real $(PYTEST) $(IN_TWO) -m "not browser" $(ENGINE_SUITES)

test-browser: $(VENV)/.ready-dev ## every screen in a real browser, in both languages, narrow and wide
	@$(BIN)/python -m tests.browser_here
	@$(PYTEST) $(IN_TWO) -m browser tests

bench: $(VENV)/.ready-dev ## measure speed, as ratios in one run
	@$(BIN)/python -m tests.bench

check: $(VENV)/.ready-dev ## linters, types, import rules, contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m deploy.describe --check
	@$(BIN)/python -m deploy.principals describe --check

describe: $(VENV)/.ready-dev ## write the contract snapshot, the AsyncAPI and OpenAPI documents, and who reads which topics
	@$(BIN)/python -m deploy.describe
	@$(BIN)/python -m deploy.principals describe

lock: ## renew the lock files from pyproject.toml (needs uv)
	@uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	@uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove the environment (not your data)
	@rm -rf $(VENV)

$(VENV)/.ready: requirements.lock
	@echo "acm: making the Python environment (first start only) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ACM needs Python 3.11 or newer; set PYTHON=…")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "acm: installing packages …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python deploy/link.py
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	@echo "acm: installing what the tests need …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@
