# Each target installs what it needs into .venv. The only requirement is Python 3.11 or newer, with venv and pip.
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

# Takes half an hour: injects every fault many times. README.md has a table of the results.
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
