# Every target does its own set-up; `make help` lists them. Each calls `fanout` or one of scripts/, and does nothing itself.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := build/venv
RUN := $(VENV)/bin/python -m
FANOUT := $(VENV)/bin/fanout
EMULATOR ?= ministack
ENV ?= local
TARGET ?= local
MINUTES ?= 10
ON = $(ENV) --emulator $(EMULATOR) $(if $(PORT),--port $(PORT))

.PHONY: $(shell grep -oE '^[a-z][a-z0-9-]*:' $(firstword $(MAKEFILE_LIST)) | tr -d :)
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt requirements.lock
	@$(PYTHON) -m scripts.set_up
setup: $(VENV)/.ready ## Create the virtual environment with everything for development
lint: setup ## Declarations, ruff, mypy --strict, Terraform's tests and linters, check-plan of local and prod; a table of times
	$(RUN) scripts.lint
audit: setup ## Ask SERVICE=osv|pypi for known vulnerabilities of what constraints.txt pins; says so when nobody can be asked
	$(RUN) scripts.audit --service $(or $(SERVICE),osv)
docs: setup ## Write the reference from the code, and build the site of docs/ into build/docs
	@$(RUN) scripts.docs --write
check: setup ## The inner loop: declarations, ruff, mypy, and the unit tests of what has changed since main
	$(RUN) scripts.check_changed
unit: setup ## Unit tests, on all cores: no network, no emulator
	$(RUN) pytest --numprocesses auto --dist loadfile
router-test: setup ## The router end to end: processes, sockets, kills (loopback only)
	$(RUN) pytest tests/e2e/router
test-apps: setup ## FastAPI, Starlette, Django, Flask and node on the router, each beside its usual server; clients, Chromium
	$(RUN) pytest tests/apps
test-console: setup ## The console in Chromium: axe, keys, an incident; PICTURES=1 keeps the screenshots in docs/how-to/console
	$(RUN) pytest tests/console $(if $(filter 1,$(PICTURES)),--pictures)
integration: setup ## Integration tests on EMULATOR (ministack enforces IAM)
	FANOUT_TEST_EMULATOR=$(EMULATOR) $(RUN) pytest tests/integration
e2e: setup ## `make demo` as a user runs it, with few orders
	$(RUN) pytest tests/e2e
test: setup ## All tests: unit, integration on LocalStack and on MiniStack, end to end, real apps, console; a table of times
	$(RUN) scripts.test_legs
plugin-test: setup ## Tests of the LocalStack plugin, in LocalStack's own environment
	$(RUN) scripts.plugin_tests
up: setup ## Start EMULATOR=ministack|localstack|localstack-docker on PORT=4566, or on a free port where that is taken
	@$(FANOUT) up $(EMULATOR) $(if $(PORT),--port $(PORT))
down: setup ## Stop EMULATOR and all it started
	@$(FANOUT) down $(EMULATOR)
reset: setup ## Empty the running EMULATOR
	@$(FANOUT) reset $(EMULATOR)
build: setup ## Build the Lambda packages for TARGET=local|aws
	@$(FANOUT) build $(TARGET)
plan: setup ## Show what `make deploy` would change in ENV=local|dev|staging|prod, or of its WORKER alone
deploy: setup ## Bring ENV, or its WORKER alone, up to date, with a canary through each hop; asks first on AWS, unless AUTO_APPROVE=1
destroy: setup ## Remove all of ENV
release: setup ## Let the next destroy or deploy take away what ENV protects
plan deploy destroy release:
	@$(FANOUT) $@ $(ON) $(if $(WORKER),--worker $(WORKER))
check-drift: setup ## Fail when a second plan of ENV=local shows more than the known drift
	@$(FANOUT) drift $(ON)
check-plan: setup ## Prove from a plan of ENV that no event is lost in silence; needs no AWS account
	@$(FANOUT) check-plan $(ENV)
diagram: setup ## Draw the plan of ENV, and write the catalogue of its events and workers: build/diagram/ENV
	@$(FANOUT) diagram $(ENV)
diagram-docs: setup ## The same of the local environment into docs/
	@$(FANOUT) diagram local --keep
cost: setup ## What ENV costs at EVENTS_PER_MONTH=10000000, by event, worker and item; needs no AWS account
	@$(FANOUT) cost --env $(ENV) --events-per-month $(or $(EVENTS_PER_MONTH),10000000)
status: setup ## Queues, counts and what is stuck on EMULATOR
	@$(FANOUT) status || test $$? = 4
canary: setup ## Prove of ENV that each hop delivers: a canary for each pair of event and worker
	@$(FANOUT) canary --env $(ENV)
demo: setup ## Deploy to EMULATOR, send ORDERS=500 real orders through it, and reconcile to the cent
	@$(FANOUT) deploy local --emulator $(EMULATOR) $(if $(PORT),--port $(PORT)) --no-hint --no-canary
	@exec $(RUN) scripts.demo --orders $(or $(ORDERS),500)
demo-web: setup ## The storefront on the router, on EMULATOR, at WEB_PORT=8080 until Ctrl-C; CHECK=1 tries it out and ends
	@$(FANOUT) deploy local --emulator $(EMULATOR) $(if $(PORT),--port $(PORT)) --no-hint --no-canary
	@exec $(RUN) scripts.demo.web --port $(or $(WEB_PORT),8080) $(if $(filter 1,$(CHECK)),--check)
demo-console: setup ## The console on EMULATOR at CONSOLE_PORT=8765 until Ctrl-C, while the demo runs; its output is in build/demo.log
	@$(FANOUT) deploy local --emulator $(EMULATOR) $(if $(PORT),--port $(PORT)) --no-hint --no-canary
	@exec $(RUN) scripts.demo.console --orders $(or $(ORDERS),500) --port $(or $(CONSOLE_PORT),8765)
chaos: setup ## EVENTS=2000 to four workers on EMULATOR, function processes killed at random: each effect exactly once
	$(RUN) scripts.chaos $(EMULATOR) --events $(or $(EVENTS),2000)
fuzz: setup ## Fuzz the router's parsers for MINUTES=10; SEED= repeats a run; what breaks is kept in build/fuzz
	$(RUN) scripts.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))
test-compiled: setup ## The router's unit tests with its hot path compiled, as its image has it; needs a C compiler
	rm -rf build/compiled && mkdir -p build/compiled && cp -r router/fanout_router build/compiled && $(VENV)/bin/python router/compile_hot_path.py build/compiled
	$(RUN) pytest -o pythonpath="shared build/compiled ." tests/unit/fanout_router
soak: setup ## Mixed traffic, aborts and kills through router and environments for MINUTES=10; build/bench/soak.json
	$(RUN) scripts.soak --minutes $(MINUTES)
sim-dispatch: setup ## The dispatch in virtual time beside the peer's and Lambda's; plots in docs/explanation/dispatch
	$(RUN) scripts.simulate
bench: $(addprefix bench-,import leavers patterns publish reliability router scaleup worker) ## All benchmarks beside their peers; `make bench-NAME` runs one, build/bench/NAME.json keeps its figures
bench-%: setup
	@echo "== $*"; $(RUN) scripts.bench.$(subst -,_,$*)
clean: ## Stop the emulators, and remove all that the other targets made
	@$(PYTHON) -m scripts.clean
