# The project's few commands. Each sets up what it needs; nothing but Python 3.11 or newer (venv, pip) is asked for.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
FLAGS ?=

.PHONY: run setup test test-faults check lint types borders clean

run: $(VENV)/.installed
	$(BIN)/fashion-tui

setup: $(VENV)/.installed-dev

test: $(VENV)/.installed-dev
	$(BIN)/pytest $(FLAGS) $(TESTS)

# Half an hour: every fault many times over. Its table is the one in README.md.
test-faults: $(VENV)/.installed-dev
	$(BIN)/pytest -m faults tests/trainer

check: lint types borders test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check fashion_tui tests
	$(BIN)/ruff format --check fashion_tui tests

types: $(VENV)/.installed-dev
	$(BIN)/mypy

borders: $(VENV)/.installed-dev
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "fashion-tui needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V`. Try: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed
