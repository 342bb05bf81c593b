# gridhub: every target works from a fresh clone with nothing but Python 3.11, pip and a compiler.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
PYTEST_ARGS ?=

BIN := .venv/bin
STAMP := .venv/.installed
WARM := .venv/.warm
PYPSA := .venv-pypsa
PGM := .venv-pgm
BENCH_ARGS ?=

DEMO_STUDY := studies/solaseado_1gw/study.toml
DEMO_OUT := results/solaseado_1gw

# Compiled kernels live inside the environment: workers running side by side share one warm cache.
export NUMBA_CACHE_DIR := $(CURDIR)/.venv/numba-cache
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Debian's Python comes without ensurepip unless python3-venv is installed: its own pip then fills the environment.
define make_venv
	@test -n "$(PYTHON)" || { echo "no python3 found: install Python 3.11 or say make PYTHON=..."; exit 2; }
	test -x $(1)/bin/pip || $(PYTHON) -m venv $(1) >/dev/null 2>&1 || { \
	    $(PYTHON) -m venv --without-pip $(1) && $(PYTHON) -m pip --python $(1)/bin/python install --quiet pip; }
endef

.PHONY: help install demo test test-slow check format lint types layers warm bench constraints wheel clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         study a 1 GW hub at Solaseado; ends with the path of report.html"
	@echo "make test         the fast tests"
	@echo "make test-slow    the tests marked slow"
	@echo "make check        format, lint, types, import layers, fast tests"
	@echo "make bench        time gridhub beside its peers (BENCH_ARGS=--quick: a minute, to see that it works)"
	@echo "make constraints  write constraints.txt anew from the loose bounds"
	@echo "make wheel        build the wheel into dist/"
	@echo "make clean        remove environments, caches and results"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(call make_venv,.venv)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,peers]"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/gridhub study run $(DEMO_STUDY) --out $(DEMO_OUT) --force
	@echo "$(CURDIR)/$(DEMO_OUT)/report.html"

warm: $(WARM)

$(WARM): $(STAMP) $(wildcard gridhub/kernels/*.py)
	$(BIN)/python -m tests.tools.warm_kernels
	touch $(WARM)

test: $(WARM)
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

test-slow: $(WARM)
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

check: lint types layers test

# PyPSA needs pandas 3 and pandapower pandas 2.3, so it gets an environment of its own.
$(PYPSA)/.installed:
	$(call make_venv,$(PYPSA))
	$(PYPSA)/bin/python -m pip install --quiet "pypsa>=1.0" "pandas>=3"
	touch $@

# power-grid-model fits beside everything else today; on its own it cannot come to stand in the way.
$(PGM)/.installed:
	$(call make_venv,$(PGM))
	$(PGM)/bin/python -m pip install --quiet "power-grid-model>=1.12"
	touch $@

# make bench BENCH_ARGS="--quick" or BENCH_ARGS="--only year"; see tests/bench/NOTES.md
bench: $(WARM) $(PYPSA)/.installed $(PGM)/.installed
	$(BIN)/python -m tests.bench.run --pypsa-python $(PYPSA)/bin/python --pgm-python $(PGM)/bin/python $(BENCH_ARGS)

constraints:
	$(PYTHON) tests/tools/write_constraints.py

wheel: $(STAMP)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf .venv .venv-* dist build results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
