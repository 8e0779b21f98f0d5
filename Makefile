# Warenfluss. `make` lists the targets; ARGS="…" is handed to the command behind a target.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
N ?= 300
SEED ?= 1
# A story waits for Prefect's server half of its time.
STORIES_AT_ONCE = $$($(BIN)/python -c 'import os; print(os.cpu_count() * 3 // 2)')
BENCH_STAMP := $(VENV)/.installed-bench
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The stamp names the folder that was installed: scripts in a moved folder point to the old one.
ifneq ($(shell test -x $(BIN)/python && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.PHONY: help install demo test check faults nightly bench lock states clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

install: $(STAMP) ## Create .venv with the locked packages and this project; starts nothing
	@:

$(STAMP): pyproject.toml requirements.lock requirements-dev.lock
	@if [ -e $(STAMP) ] && { [ "$$(cat $(STAMP))" != "$(CURDIR)" ] || [ ! -x $(BIN)/python ]; }; then \
		echo "$(VENV) was made in another folder or its Python is gone: making it anew."; rm -rf $(VENV); fi
	@[ -x $(BIN)/python ] || "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Warenfluss needs Python 3.11 or newer: name one, as in 'make install PYTHON=python3.12'." >&2; exit 1; }
	@set -e; if command -v uv >/dev/null 2>&1; then \
		[ -x $(BIN)/python ] || uv venv --quiet --python "$(PYTHON)" $(VENV); \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock; \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		[ -x $(BIN)/python ] || "$(PYTHON)" -m venv $(VENV); \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null; \
		echo "Installing the locked packages into $(VENV); this takes a minute or two."; \
		$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock; \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	fi
	@printf '%s\n' "$(CURDIR)" > $(STAMP)

demo: install ## Run every cycle against the simulator and leave the Prefect UI up (ARGS=--once ends)
	@$(BIN)/warenfluss demo $(ARGS)

test: install ## Run the tests on all cores, in random order (ARGS=--whole: all of them on both databases)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: install ## Format (CI=true: compare only), lint, type-check and test
	@$(BIN)/ruff format $(if $(CI),--check) .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory test

faults: install ## Tell N stories of bad luck from SEED on and look at every law (N=300 SEED=1)
	@$(BIN)/python -m pytest tests/faults/test_schedules.py -n $(STORIES_AT_ONCE) --dist worksteal \
		--schedules $(N) --first-seed $(SEED) $(ARGS)

nightly: install ## Everything on both databases, and 10,000 stories of bad luck
	@$(BIN)/python -m pytest -n auto --dist worksteal --whole --schedules 0 $(ARGS)
	@$(MAKE) --no-print-directory faults N=10000

bench: $(BENCH_STAMP) ## Measure every budget against a floor of the same run (ARGS=--help lists the choices)
	@$(BIN)/python -m benchmarks $(ARGS)

$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.lock; \
	else \
		$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bench.lock; \
	fi || echo "What the figure 'dlt' needs could not be installed; it will be left out."
	@touch $(BENCH_STAMP)

lock: ## Write the lock files from pyproject.toml (ARGS=--upgrade takes newer releases); needs uv
	@set -e; for name in requirements-dev requirements requirements-bench; do \
		uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
			$$(case $$name in \
				requirements-dev) echo "--group dev $(ARGS)";; \
				requirements) echo "--constraint requirements-dev.lock";; \
				requirements-bench) echo "--group bench --constraint requirements-dev.lock";; \
			esac) \
			--output-file $$name.lock; \
	done

states: install ## Draw the states of an order into docs/orders.md
	@PYTHONPATH=. $(BIN)/python docs/draw_states.py

clean: ## Remove caches and builds; the data folder and .venv stay
	@rm -rf dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
