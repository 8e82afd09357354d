# Each target sets up what it needs in .venv; nothing outside this folder is changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test slow installs lowest newest audit lint types format bench matrix facts storm soak kills second-opinion sbom clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## Make .venv with the pinned development set.

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "turnout needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned development set into $(VENV) (about a minute)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)  ## Ask the project's docs a question: two frameworks, two clouds, one emulator.
	@$(BIN)/turnout demo --docs docs

test: lint types $(READY)  ## Lint, types and the tests: seven minutes on two cores (make slow: the rest).
	$(BIN)/python -m pytest -n 4 --dist loadscope -m "not slow and not installs and not bounds"

slow: $(READY)  ## The tests that run servers, kill and fork processes, or wait for a deadline.
	$(BIN)/python -m pytest -n 3 --dist loadscope -m "slow and not installs and not bounds"

installs: $(READY)  ## Each extra alone, installed by pip into an environment of its own.
	$(BIN)/python -m pytest -m installs -n 2 tests/test_installs.py

lowest: $(READY)  ## Each extra alone with the lowest versions that pyproject.toml allows (newest: with the newest there are).
	$(BIN)/python -m pytest -m bounds -n 2 tests/test_installs.py -k lowest-direct

newest: $(READY)
	$(BIN)/python -m pytest -m bounds -n 2 tests/test_installs.py -k highest

audit: $(READY)  ## Look for known weaknesses in the pinned versions: asks PyPI's advisory database.
	$(PYTHON) -m venv --clear $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	$(VENV)/audit/bin/pip-audit --disable-pip --no-deps -r constraints.txt

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench-ready  ## Measure beside the raw clients, the SDKs, the frameworks' own classes and LiteLLM (ARGS=--quick: less).
	$(BIN)/python -m pytest benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

$(VENV)/.bench-ready: $(READY)
	@echo "Installing what is measured beside turnout into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

matrix: $(VENV)/.bench-ready  ## Run every application on every backend and write docs/matrix.md.
	$(BIN)/python -m tests.contract.matrix

facts: $(VENV)/.bench-ready  ## Compare what is known about models with the tables that other packages publish.
	@$(BIN)/python -m tests.facts.published

storm: $(READY)  ## 10,000 calls, a fifth of them with faults; the frameworks' own classes beside (ARGS="1000 3": fewer, another seed).
	MALLOC_ARENA_MAX=1 $(BIN)/python -m tests.storm $(ARGS)

soak: $(READY)  ## Steady load for half an hour; memory and descriptors stay where they are (ARGS=3: minutes).
	MALLOC_ARENA_MAX=1 $(BIN)/python -m tests.soak $(ARGS)

kills: $(READY)  ## Kill processes that change named indexes, and look what is left (ARGS=20: fewer; 200 take half an hour).
	$(BIN)/python -m tests.kills $(ARGS)

second-opinion: $(READY)  ## Ask an emulator by others, aimock (Node 20 and npm), what it makes of turnout's requests.
	@npm install --silent --no-fund --no-audit --prefix $(VENV)/second-opinion @copilotkit/aimock@1.43.0
	@$(BIN)/python -m tests.second_opinion $(VENV)/second-opinion/node_modules

sbom: $(READY)  ## List all that turnout[all] brings, with versions and licences, as CycloneDX: turnout.cdx.json.
	$(PYTHON) -m venv --clear $(VENV)/sbom
	$(VENV)/sbom/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt '.[all]'
	$(PYTHON) -m venv --clear $(VENV)/cyclonedx
	$(VENV)/cyclonedx/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
	$(VENV)/cyclonedx/bin/cyclonedx-py environment --output-reproducible -o turnout.cdx.json $(VENV)/sbom/bin/python
	@echo "written to turnout.cdx.json"

clean:  ## Remove .venv and every cache.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
