# One word per need. Everything is installed into .venv from package registries.
PYTHON ?= python3
BIN := .venv/bin
CODE := $(shell find csrc -name '*.cpp' -o -name '*.h')
SOURCES := $(CODE) $(wildcard csrc/*/exports.lds)

.PHONY: demo test wheel matrix arm64 lint format bench clean

demo: .venv/all
	$(BIN)/sparseprune run recipes/quickstart.yaml

test: lint
	$(BIN)/pytest

# For every Linux with glibc 2.28 or newer, and the Python of .venv.
wheel: .venv/dev
	$(BIN)/python wheels/build.py dist

# Part of `make test` too: one build on many versions of ONNX Runtime.
matrix: .venv/dev
	$(BIN)/pytest tests/ort/test_versions.py

# Part of `make test` too: cross-built, and run under emulation.
arm64: .venv/dev
	$(BIN)/pytest tests/csrc/test_arm64.py

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CODE)
	$(BIN)/mypy
	$(BIN)/codespell

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CODE)

bench: .venv/dev
	$(BIN)/pytest benchmarks
	$(BIN)/python benchmarks/run.py --suite cpu

clean:
	rm -rf .venv build *.egg-info sparseprune/*.so

# What is installed: "all" runs everything, "dev" tests it too. The stamp is newer than everything
# that decides what is installed or compiled, so an edit sets up again.
.venv/%: pyproject.toml setup.py constraints.txt $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit("sparseprune needs Python 3.10 or newer, this is " + sys.version.split()[0] + "; set PYTHON=/path/to/python3") if sys.version_info < (3, 10) else None'
	@echo "Setting up .venv with sparseprune[$*] (a few minutes the first time)"
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
		PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@
