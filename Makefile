# SWAP. `make` alone prints this help; demo, test, check and bench first make the environments they need.
SHELL := /bin/bash
PORT ?= 8000
T ?= tests
B ?= first_result
DEV := .swap/env/dev/bin
SERVER := .swap/env/server/bin

.DEFAULT_GOAL := help
.PHONY: help demo ldap test test-long lint types layers check docs bench lock format clean

help:  ## Print this help
	@awk 'BEGIN {FS = ":.*?## "} /^[a-z-]+:.*?## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## Install into this checkout and run SWAP with demo data on http://localhost:8000 (PORT=…, STORES=real)
	@scripts/setup $(if $(filter real,$(STORES)),real,demo)
	@exec $(SERVER)/swap demo --port $(PORT) $(if $(filter real,$(STORES)),--stores real --state .swap/demo-real)

ldap:  ## Add what asks an LDAP directory for people; it is compiled, so it needs gcc, libldap2-dev and libsasl2-dev
	@scripts/setup ldap

test:  ## Install what the tests need and run them (T=path or T=lab for some of them)
	@scripts/setup test
	@scripts/run-tests $(T)

test-long:  ## Run also the tests that take minutes
	@scripts/setup test
	@scripts/run-tests --long $(T)

check: lint types layers docs  ## Run every check that CI runs beside the tests

lint:  ## Check style and format (ruff)
	@scripts/setup dev
	$(DEV)/ruff format --check --quiet .
	$(DEV)/ruff check .

format:  ## Format, and mend what ruff can mend
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

types:  ## Check types (mypy --strict)
	@scripts/setup dev
	$(DEV)/mypy

layers:  ## Check that modules import only from below (import-linter)
	@scripts/setup dev
	$(DEV)/lint-imports

docs:  ## Test the documentation against the code
	@scripts/setup dev
	$(DEV)/python -m pytest -q tests/unit/docs

bench:  ## Measure against peers (B=first_result; CONTRIBUTING.md lists them)
	@scripts/setup bench
	PYTHONPATH=tests:tests/acceptance $(DEV)/python -m benchmarks.$(B)

lock:  ## Compile requirements/*.in to hashed lock files without addresses
	@scripts/lock

clean:  ## Remove environments and builds; the demo's data stays
	rm -rf .swap/env .swap/stamps lab/node_modules look-src/node_modules
