# One word per need. Everything is installed into .venv from package registries.
PYTHON ?= python3
BIN := .venv/bin
CODE := $(shell find csrc -name '*.cpp' -o -name '*.h')
SOURCES := $(CODE) $(wildcard csrc/*/exports.lds)
FORMATTED := $(CODE) $(shell find examples tests/examples -name '*.cpp' -o -name '*.h')

.PHONY: demo test oldest real wheel matrix arm64 fuzz lint format bench clean

demo: .venv/all
	$(BIN)/sparseprune run recipes/quickstart.yaml

# Two files side by side: a worker holds torch and up to 4 GB of models, and builds use all cores.
test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile

# With the lowest versions that pyproject.toml allows, which need Python 3.10 or 3.11. Warnings of
# old packages about one another are let pass.
OLDEST := build/oldest/bin
oldest:
	$(PYTHON) -m venv --clear build/oldest
	$(OLDEST)/pip install --quiet uv
	$(OLDEST)/uv pip install --python $(OLDEST)/python --resolution lowest-direct \
		--editable '.[gpu,ray,all]'
	$(OLDEST)/uv pip install --python $(OLDEST)/python pytest pytest-benchmark hypothesis
	$(OLDEST)/pytest -o filterwarnings=default $(addprefix tests/, \
		accelerator cli exporter formats graph kernels ort prune report rewrite)

# Part of `make test` too, less the networks of 240 to 575 MB.
real: .venv/dev
	SPARSEPRUNE_LARGE=1 $(BIN)/pytest tests/real

# For every Linux with glibc 2.28 or newer, and the Python of .venv.
wheel: .venv/dev
	$(BIN)/python wheels/build.py dist

# Part of `make test` too: one build on many versions of ONNX Runtime.
matrix: .venv/dev
	$(BIN)/pytest tests/ort/test_versions.py

# Part of `make test` too: cross-built, and run under emulation.
arm64: .venv/dev
	$(BIN)/pytest tests/csrc/test_arm64.py

# With sanitizers, on all cores, from a fresh seed; findings are kept in build/fuzz. The tests run
# the same fuzzers for some seconds from a fixed seed.
FUZZ_SECONDS ?= 600
fuzz: .venv/dev
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(FUZZ_SECONDS) --sanitize

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(FORMATTED)
	$(BIN)/mypy
	$(BIN)/codespell

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(FORMATTED)

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
