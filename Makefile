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
# There while an installation goes on. One that is cut off leaves packages that pip takes for whole.
BEGUN := $(VENV)/.installing
# What pip says is shown if it fails: warnings of a pip that works concern nobody here.
LOG := $(VENV)/install.log
PIP := $(BIN)/python -m pip
INSTALL_LOCK := $(PIP) install --quiet --compile --require-hashes --requirement
# Whatever the user's settings say, bytecode is written: without it each process that loads Prefect and this project
# costs seconds more.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A question would stand in the log, where nobody sees it.
export PIP_NO_INPUT := 1
# `user = true` in a user's settings is refused in a virtual environment.
export PIP_USER := 0

# The stamp names the folder that was installed: scripts in a moved folder point to the old one.
ifneq ($(shell test -x $(BIN)/python && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.PHONY: help install demo test check faults nightly bench lock states commands clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

install: $(STAMP) ## Create .venv with the locked packages and this project; starts nothing
	@:

$(STAMP): pyproject.toml requirements-pip.lock requirements.lock requirements-dev.lock
	@if [ -e $(STAMP) ] && { [ "$$(cat $(STAMP))" != "$(CURDIR)" ] || [ ! -x $(BIN)/python ]; }; then \
		echo "$(VENV) was made in another folder or its Python is gone: making it anew."; rm -rf $(VENV)/lib $(VENV); \
	elif [ -n "$$(find $(VENV)/lib -newer $(BEGUN) 2>/dev/null | head -n 1)" ]; then \
		echo "The last installation was cut off half-way: making $(VENV) anew."; rm -rf $(VENV)/lib $(VENV); fi
	@[ -x $(BIN)/python ] || "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Warenfluss needs Python 3.11 or newer: name one, as in 'make install PYTHON=python3.12'." >&2; exit 1; }
	@[ -x $(BIN)/python ] || "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment, because its module ensurepip is missing." >&2; \
		echo "On Debian and Ubuntu 'apt-get install python3-venv' brings it." >&2; exit 1; }
	@mkdir -p $(VENV); touch $(BEGUN)
	@echo "Installing the locked packages into $(VENV); this takes a minute or two."
	@began=$$(date +%s); { \
		{ [ -x $(BIN)/python ] || "$(PYTHON)" -m venv $(VENV); } && \
		{ $(PIP) --version >/dev/null || $(BIN)/python -m ensurepip --upgrade; } && \
		$(INSTALL_LOCK) requirements-pip.lock && \
		$(INSTALL_LOCK) requirements-dev.lock && \
		$(PIP) install --quiet --no-deps --no-build-isolation --editable .; \
	} >$(LOG) 2>&1 || { \
		cat $(LOG) >&2; echo "The locked packages could not be installed; the reason stands above." >&2; exit 1; }; \
	rm -f $(BEGUN); printf '%s\n' "$(CURDIR)" >$(STAMP); \
	echo "Installed in $$(($$(date +%s) - began)) s."

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
	@$(INSTALL_LOCK) requirements-bench.lock >$(LOG) 2>&1 || \
		echo "What the figure 'dlt' needs could not be installed and is left out; $(LOG) says why."
	@touch $(BENCH_STAMP)

lock: install ## Write the lock files from pyproject.toml (ARGS=--upgrade takes newer releases)
	@set -e; for name in requirements-pip requirements-dev requirements requirements-bench; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
			$$(case $$name in \
				requirements-pip) echo "--group install $(ARGS)";; \
				requirements-dev) echo "pyproject.toml --group dev $(ARGS)";; \
				requirements) echo "pyproject.toml --constraint requirements-dev.lock";; \
				requirements-bench) echo "pyproject.toml --group bench --constraint requirements-dev.lock";; \
			esac) \
			--output-file $$name.lock; \
	done

states: install ## Draw the states of an order into docs/orders.md
	@PYTHONPATH=. $(BIN)/python docs/draw_states.py

commands: install ## List the commands and their options in docs/command-line.md
	@PYTHONPATH=. $(BIN)/python docs/list_commands.py

clean: ## Remove caches and builds; the data folder and .venv stay
	@rm -rf dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
