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
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fanout needs Python 3.11 or later; '$(PYTHON)' is older: set PYTHON=/path/to/python3.11" >&2; exit 1; }
	PYTHONPATH=shared $(PYTHON) -m fanout_tools.installer

.PHONY: setup
setup: $(VENV)/.ready ## Create the virtual environment with everything for development

.PHONY: lint
lint: setup ## Declarations, ruff, mypy --strict, Terraform's tests and linters, check-plan of local and prod; a table of times
	$(BIN)/python -m scripts.lint

.PHONY: check
check: setup ## The inner loop: declarations, ruff, mypy, and the unit tests of what has changed since main
	$(BIN)/python -m scripts.check_changed

.PHONY: unit
unit: setup ## Unit tests, on all cores: no network, no emulator
	$(BIN)/pytest --numprocesses auto --dist loadfile

.PHONY: router-test
router-test: setup ## The router end to end: processes, sockets, kills (loopback only)
	$(BIN)/pytest tests/e2e/router

MINUTES ?= 10

.PHONY: fuzz
fuzz: setup ## Fuzz the router's parsers for MINUTES=10; SEED= repeats a run; what breaks is kept in build/fuzz
	$(BIN)/python -m scripts.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

.PHONY: soak
soak: setup ## Mixed traffic, aborts and kills through router and environments for MINUTES=10; build/bench/soak.json
	$(BIN)/python -m scripts.soak --minutes $(MINUTES)

BENCHMARKS = import patterns publish reliability router scaleup worker

.PHONY: bench
bench: setup ## All benchmarks beside their peers; `make bench-NAME` runs one, build/bench/NAME.json keeps its figures
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m scripts.bench.$$name; done

.PHONY: bench-demo_runs
bench-demo_runs: setup ## Repeat `make demo` RUNS=20 times, on busy cores or a stopped emulator at times; SEED= repeats
	@RUNS=$(or $(RUNS),20) SEED=$(or $(SEED),1) $(BIN)/python -m scripts.bench.demo_runs

bench-%: setup
	@$(BIN)/python -m scripts.bench.$*

.PHONY: sim-dispatch
sim-dispatch: setup ## The dispatch in virtual time beside the peer's and Lambda's; plots in docs/dispatch
	$(BIN)/python -m scripts.simulate

EMULATOR ?= ministack
AT_PORT = $(if $(PORT),--port $(PORT))

.PHONY: up
up: setup ## Start EMULATOR=ministack|localstack|localstack-docker on PORT=4566, or on a free port where that is taken
	@$(BIN)/python -m fanout_tools.emulators up $(EMULATOR) $(AT_PORT)

.PHONY: down
down: setup ## Stop EMULATOR and all it started
	@$(BIN)/python -m fanout_tools.emulators down $(EMULATOR)

.PHONY: reset
reset: setup ## Empty the running EMULATOR
	@$(BIN)/python -m fanout_tools.emulators reset $(EMULATOR)
	@rm -rf $(BUILD)/terraform/local-$(EMULATOR)

TARGET ?= local

.PHONY: build
build: setup ## Build the Lambda packages for TARGET=local|aws
	@$(BIN)/python -m fanout_tools.deploy.packages $(TARGET)

ENV ?= local
DEPLOY = $(BIN)/python -m fanout_tools.deploy.command
ON = $(ENV) --emulator $(EMULATOR) $(AT_PORT)

.PHONY: plan
plan: setup ## Show what `make deploy` would change in ENV=local|dev|staging|prod
	@$(DEPLOY) plan $(ON)

.PHONY: deploy
deploy: setup ## Bring ENV up to date, and send a canary through each hop; asks first on AWS, unless AUTO_APPROVE=1
	@$(DEPLOY) deploy $(ON)

.PHONY: destroy
destroy: setup ## Remove all of ENV
	@$(DEPLOY) destroy $(ON)

.PHONY: release
release: setup ## Let the next destroy or deploy take away what ENV protects
	@$(DEPLOY) release $(ON)

.PHONY: check-drift
check-drift: setup ## Fail when a second plan of ENV=local shows more than the known drift
	@$(DEPLOY) drift $(ON)

.PHONY: check-plan
check-plan: setup ## Prove from a plan of ENV that no event is lost in silence; needs no AWS account
	@$(BIN)/python -m fanout_tools.proof $(ENV)

.PHONY: diagram
diagram: setup ## Draw the plan of ENV, and write the catalogue of its events and workers: build/diagram/ENV
	@$(BIN)/python -m fanout_tools.catalogue $(ENV)

.PHONY: diagram-docs
diagram-docs: setup ## The same of the local environment into docs/
	@$(BIN)/python -m fanout_tools.catalogue local --keep

EVENTS_PER_MONTH ?= 10000000

.PHONY: cost
cost: setup ## What ENV costs at EVENTS_PER_MONTH=10000000, by event, worker and item; needs no AWS account
	@$(BIN)/fanout cost --env $(ENV) --events-per-month $(EVENTS_PER_MONTH)

.PHONY: bench-plan-mutants
bench-plan-mutants: setup ## Count the spoilt plans that check-plan catches
	@$(BIN)/python -m scripts.bench.plan_mutants

.PHONY: plugin-test
plugin-test: setup ## Tests of the LocalStack plugin, in LocalStack's own environment
	$(BIN)/python -m fanout_tools.emulators.plugin_tests

ORDERS ?= 500
AT_EMULATOR = if [ -z "$${AWS_ENDPOINT_URL:-}" ]; then set -a; . $(BUILD)/emulators/$(EMULATOR)/endpoint.env; set +a; fi;

.PHONY: demo
demo: setup ## Deploy to EMULATOR, send ORDERS=500 real orders through it, and reconcile to the cent
	@$(DEPLOY) deploy local --emulator $(EMULATOR) $(AT_PORT) --no-next --no-canary
	@$(AT_EMULATOR) exec $(BIN)/python -m scripts.demo --orders $(ORDERS)

WEB_PORT ?= 8080

.PHONY: demo-web
demo-web: setup ## The storefront on the router, on EMULATOR, at WEB_PORT=8080 until Ctrl-C; CHECK=1 tries it out and ends
	@$(DEPLOY) deploy local --emulator $(EMULATOR) $(AT_PORT) --no-next --no-canary
	@$(AT_EMULATOR) exec $(BIN)/python -m scripts.demo.web --port $(WEB_PORT) $(if $(filter 1,$(CHECK)),--check)

.PHONY: status
status: setup ## Queues and counts of the workers on EMULATOR
	@$(AT_EMULATOR) exec $(BIN)/fanout status

.PHONY: canary
canary: setup ## Prove on EMULATOR that each hop delivers: a canary for each pair of event and worker
	@$(AT_EMULATOR) exec $(BIN)/fanout canary

.PHONY: integration
integration: setup ## Integration tests on EMULATOR (ministack enforces IAM)
	FANOUT_TEST_EMULATOR=$(EMULATOR) $(BIN)/pytest tests/integration

EVENTS ?= 2000

.PHONY: chaos
chaos: setup ## EVENTS=2000 to four workers on EMULATOR, function processes killed at random: each effect exactly once
	$(BIN)/python -m scripts.chaos $(EMULATOR) --events $(EVENTS)

.PHONY: e2e
e2e: setup ## `make demo` as a user runs it, with few orders
	$(BIN)/pytest tests/e2e

.PHONY: test
test: setup ## All tests: unit, integration on LocalStack and on MiniStack, end to end; a table of times
	$(BIN)/python -m scripts.test_legs

.PHONY: clean
clean: ## Stop the emulators, and remove all that the other targets made
	@if [ -x $(BIN)/python ]; then for emulator in ministack localstack; do \
	  $(BIN)/python -m fanout_tools.emulators down $$emulator; done; fi
	rm -rf $(BUILD)
