# `make` alone prints help. Everything runs in .venv, which is built from requirements/ (pinned, hashed)
# as soon as a target needs it. make turns every failure into exit 2: scripts that want the exit code
# call the Python entry point.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
UV     := $(BIN)/uv

# Hashes are what a download is held against. Source distributions are built with the setuptools of
# requirements/bootstrap.txt, hence no build isolation: docs/adr/0002-pinned-requirements.md.
INSTALL := $(UV) pip install --python $(BIN)/python --quiet --no-build-isolation --compile-bytecode
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --no-emit-index-url --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

##@ Main
.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "; print "usage: make <target>"} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z][a-z%-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP) ## The main job, start to finish: data, training, serving, events, retraining, report
	@$(BIN)/maitred demo

##@ Prove a change
.PHONY: test-fast
test-fast: $(STAMP) ## Tests without servers, under 60 s: what a person runs between two edits
	@$(BIN)/python -m pytest -q -m "unit or contract or properties or architecture"

.PHONY: check
check: $(STAMP) ## Format, lint, types, layers, architecture tests
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/architecture

.PHONY: test
test: $(STAMP) ## All tests, real servers included; prints the 20 slowest; what CI calls
	@$(BIN)/python -m pytest

.PHONY: coverage
coverage: $(STAMP) ## All tests under coverage, child processes too; fails below the limit in pyproject.toml
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --show-missing

.PHONY: fmt
fmt: $(STAMP) ## Format, and fix what the linter can fix
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

##@ The stack on this machine
.PHONY: up
up: $(STAMP) ## Start the whole stack in the background
	@$(BIN)/maitred up --detach

.PHONY: down
down: $(STAMP) ## Stop it; its state stays in .maitred/
	@$(BIN)/maitred down

.PHONY: status
status: $(STAMP) ## What runs, where, and how it does
	@$(BIN)/maitred status

##@ Measure (reports go to .maitred/reports/)
.PHONY: load
load: $(STAMP) ## Rated load, then with faults, against the running stack (starts one if none runs), SLO verdict
	@$(BIN)/python -m loadtests.run --faults all

.PHONY: bench
bench: $(STAMP) ## Every ratio, side by side with its baseline (up to 30 min)
	@$(BIN)/python -m loadtests.bench

.PHONY: bench-%
bench-%: $(STAMP) ## One area: bench-serve, -scale, -curve, -train, -events (up to 8 min)
	@$(BIN)/python -m loadtests.bench $*

.PHONY: chaos
chaos: $(STAMP) ## Kill -9 at random under a stream of events, then count: nothing lost, nothing twice (up to 15 min)
	@$(BIN)/python -m loadtests.chaos

.PHONY: quality
quality: $(STAMP) ## Model tables: every recommender and every baseline on the real data (up to 20 min)
	@$(BIN)/python -m training.quality

.PHONY: results
results: $(STAMP) ## Copy the newest reports into docs/results.md
	@$(BIN)/python -m loadtests.results

##@ Keep house
.PHONY: lock
lock: $(STAMP) ## Write requirements/*.txt anew; LOCK_FLAGS=--upgrade moves the pins
	@$(COMPILE) $(LOCK_FLAGS) pyproject.toml --all-extras -o requirements/dev.txt
	@$(COMPILE) pyproject.toml --extra serve -c requirements/dev.txt -o requirements/serve.txt
	@$(COMPILE) pyproject.toml --extra archive -c requirements/dev.txt -o requirements/archive.txt
	@$(COMPILE) pyproject.toml --extra train -c requirements/dev.txt -o requirements/train.txt
	@$(COMPILE) $(LOCK_FLAGS) requirements/bootstrap.in -o requirements/bootstrap.txt
	@echo "pins written; commit requirements/ and say what moved"

.PHONY: clean
clean: ## Remove the environment, caches and the state of the embedded stack
	@if [ -d .maitred ] && [ -x $(BIN)/maitred ]; then $(BIN)/maitred down || echo "nothing was stopped"; fi
	@rm -rf $(VENV) .maitred .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis \
	  .coverage .coverage.* htmlcov build dist *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "maitred needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@command -v cc >/dev/null || { echo "maitred needs a C compiler (Debian: apt-get install build-essential)."; exit 1; }
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing requirements/dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@
