# One word per need. Everything is installed into .venv from package registries; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find csrc -name '*.cpp' -o -name '*.h' -o -name '*.lds')

.PHONY: demo test lint format bench clean

demo: .venv/installed
	$(BIN)/sparseprune run recipes/quickstart.yaml

test: lint
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(filter-out %.lds,$(SOURCES))
	$(BIN)/mypy
	$(BIN)/codespell

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(filter-out %.lds,$(SOURCES))

bench: .venv/installed
	$(BIN)/pytest benchmarks
	$(BIN)/python benchmarks/run.py --suite cpu

clean:
	rm -rf .venv build *.egg-info sparseprune/*.so

# The stamp is newer than everything that decides what is installed or compiled.
.venv/installed: pyproject.toml setup.py constraints.txt $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit("sparseprune needs Python 3.10 or newer, this is " + sys.version.split()[0] + "; set PYTHON=/path/to/python3" if sys.version_info < (3, 10) else 0)'
	@echo "Setting up .venv (a few minutes the first time)"
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
