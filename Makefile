# Each target installs what it needs into .venv. The only requirement is Python 3.11 or newer, with venv and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
FLAGS ?=

.PHONY: run setup test test-faults test-gpu test-gpu-full test-monkey test-mutation test-shapes test-verdicts check lint types borders clean

run: $(VENV)/.installed
	$(BIN)/fashion-tui

setup: $(VENV)/.installed-dev

test: $(VENV)/.installed-dev
	$(BIN)/pytest $(FLAGS) $(TESTS)

# Inject every fault many times, which takes half an hour. README.md has a table of the results.
test-faults: $(VENV)/.installed-dev
	$(BIN)/pytest -m faults tests/trainer

# Run the GPU tests one at a time, because some of them measure speeds, and print a table of results. This needs a GPU
# and FASHION_TUI_DATA, and takes at most 20 minutes.
test-gpu: $(VENV)/.installed-dev
	$(BIN)/pytest -n 0 -rs -m "gpu and not gpu_full" tests/gpu
	$(BIN)/pytest -n 0 tests/lab/test_devices.py

# Run all GPU tests, including the long ones, which takes about an hour.
test-gpu-full: $(VENV)/.installed-dev
	$(BIN)/pytest -n 0 -rs -m gpu tests/gpu
	$(BIN)/pytest tests/lab tests/engine

# Send 100,000 random keys to the app, which takes hours. MONKEY_SEED and MONKEY_KEYS set the seed and the number of
# keys.
test-monkey: $(VENV)/.installed-dev
	$(BIN)/pytest -n 0 -s -m monkey tests/tui/test_monkey.py

# Change the package in 200 small ways, in a copy, and list the changes that no test notices in OUTPUT.json and
# OUTPUT.md. This takes hours. tests/mutation/__init__.py explains it.
OUTPUT ?= assets/mutation
test-mutation: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutation --output $(OUTPUT) $(FLAGS)

# Compare the shape traces of 300 generated networks and of all networks in torchvision with what PyTorch computes, and
# print how many are right, refused and wrong. This takes minutes.
test-shapes: $(VENV)/.installed-dev
	$(BIN)/pytest -n 0 -m shapes tests/lab/test_trace_against_torch.py

# Train guide, quick and strong with five seeds each and best with one seed, and check throughout each run that the app
# reports no verdict. This needs FASHION_TUI_DATA and takes an hour.
test-verdicts: $(VENV)/.installed-dev
	$(BIN)/pytest -n 0 -m verdicts tests/trainer/test_false_alarms.py

check: lint types borders test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check fashion_tui tests
	$(BIN)/ruff format --check fashion_tui tests

types: $(VENV)/.installed-dev
	$(BIN)/mypy

borders: $(VENV)/.installed-dev
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "fashion-tui needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V`. Try: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Say what is installed and how large it is; pip shows the size and the progress of each download.
ANNOUNCE = @if ls -d $(VENV)/lib/python*/site-packages/torch >/dev/null 2>&1; then \
    echo "Updating fashion-tui and its dependencies in $(VENV)."; \
  else \
    echo "Installing fashion-tui and its dependencies into $(VENV). Most of it is PyTorch; on Linux, it comes with CUDA"; \
    echo "and takes about 5 GB on disk. README.md says how to install the smaller CPU build instead."; \
  fi
PIP_INSTALL = $(BIN)/python -m pip --disable-pip-version-check install --progress-bar on
MEASURE = @echo "Installed: $(VENV) takes `du -sh $(VENV) | cut -f1`."

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(ANNOUNCE)
	$(PIP_INSTALL) --editable .
	$(MEASURE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(ANNOUNCE)
	$(PIP_INSTALL) --editable '.[dev]'
	$(MEASURE)
	@touch $@ $(VENV)/.installed
