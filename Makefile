# Every target does its own set-up; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BUILD := build
VENV := $(BUILD)/venv
BIN := $(VENV)/bin

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fanout needs Python 3.11 or later; '$(PYTHON)' is older: set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Create the virtual environment with everything for development

.PHONY: lint
lint: setup ## ruff, mypy --strict, and everything declared: contracts, their compatibility, workers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy shared router services scripts tests
	@$(BIN)/fanout check

.PHONY: unit
unit: setup ## Unit tests: no network, no emulator
	$(BIN)/pytest

EMULATOR ?= ministack
PORT ?= 4566

.PHONY: up
up: setup ## Start EMULATOR=ministack|localstack|localstack-docker on PORT=4566
	@$(BIN)/python -m scripts.emulators up $(EMULATOR) --port $(PORT)

.PHONY: down
down: setup ## Stop EMULATOR and all it started
	@$(BIN)/python -m scripts.emulators down $(EMULATOR)

.PHONY: reset
reset: setup ## Empty the running EMULATOR
	@$(BIN)/python -m scripts.emulators reset $(EMULATOR)

.PHONY: plugin-test
plugin-test: setup ## Tests of the LocalStack plugin, in LocalStack's own environment
	$(BIN)/python -m scripts.emulators.plugin_tests

.PHONY: clean
clean: ## Remove all that the other targets made
	rm -rf $(BUILD)
