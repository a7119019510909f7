# Needs make and Python 3.11 to 3.13; everything else is installed into .venv. `make` lists targets.

VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
OLDEST_VENV := .venv-oldest
BEAM_VENV := .venv-beam
CONSTRAINTS := constraints.txt
LANGUAGE_SERVER := vscode-langservers-extracted@4.10.0
# Test processes at a time, one more than cores: some tests wait. Each loads TensorFlow: count 2 GB.
JOBS ?= 3
# Where jemalloc is installed (apt: libjemalloc2), tests allocate with it: a fifth less time.
JEMALLOC ?= $(firstword $(wildcard $(addsuffix /libjemalloc.so.2,/usr/lib/*-linux-gnu /usr/lib64 /usr/lib)))
PYTEST := $(if $(JEMALLOC),LD_PRELOAD=$(JEMALLOC) )$(BIN)/python -m pytest

VERSIONS := 3.11, 3.12 or 3.13
# The first Python here that will do; `make PYTHON=/path/to/python3.12 ...` names another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c '$(SUPPORTED)' >/dev/null 2>&1 && echo "$$p" && break; done)

# The oldest TensorFlow runs on 3.11 and 3.12.
OLDEST_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
OLDEST_PYTHON ?= $(shell for p in python3 python3.12 python3.11 python; do \
	"$$p" -c '$(OLDEST_SUPPORTED)' >/dev/null 2>&1 && echo "$$p" && break; done)

# Variables, because a comma would end an argument of `call`.
RUN := -e .
STUDIO := -e '.[studio]'
DEV := -e '.[dev,docs]'
OLDEST := -e '.[dev]'
BEAM := -e '.[beam]' hypothesis pytest
PEERS := -e . -r benchmarks/requirements.txt

# $(call install,ENVIRONMENT,ARGUMENTS): creates the environment where there is none, installs into
# it at the pinned versions. uv where it is there, plain venv and pip where it is not or fails: a
# mirror may be set up for pip alone.
define install
	@"$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || { \
		echo "$@ needs Python $(VERSIONS). $(or $(PYTHON),python3) is" \
			"$$("$(or $(PYTHON),python3)" --version 2>&1 || true)" >&2; \
		echo "Install one of them, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@echo "Installing augreg into $(1) at the versions in $(CONSTRAINTS) (once; 3 GB) ..."
	@{ command -v uv >/dev/null 2>&1 \
		&& { "$(1)/bin/python" -c '$(SUPPORTED)' 2>/dev/null \
			|| uv venv --quiet --clear --python "$(PYTHON)" "$(1)"; } \
		&& uv pip install --quiet --python "$(1)/bin/python" -c $(CONSTRAINTS) $(2); } \
	|| { { "$(1)/bin/python" -m pip --version >/dev/null 2>&1 \
			|| "$(PYTHON)" -m venv --clear "$(1)" \
			|| { echo "Python's venv is missing (on Debian: apt install python3-venv)" >&2; exit 1; }; } \
		&& "$(1)/bin/python" -m pip install --quiet --disable-pip-version-check \
			-c $(CONSTRAINTS) $(2); }
	@touch "$@"
endef

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: install
install: $(VENV)/.dev ## create .venv with everything needed to work on augreg

$(VENV)/.run: pyproject.toml constraints.txt
	$(call install,$(VENV),$(RUN))

$(VENV)/.dev: pyproject.toml constraints.txt
	$(call install,$(VENV),$(DEV))
	@touch $(VENV)/.run $(VENV)/.studio

$(VENV)/.studio: pyproject.toml constraints.txt
	$(call install,$(VENV),$(STUDIO))
	@touch $(VENV)/.run

$(BENCH_VENV)/.run: pyproject.toml constraints.txt benchmarks/requirements.txt
	$(call install,$(BENCH_VENV),$(PEERS))

$(OLDEST_VENV)/.dev: CONSTRAINTS := constraints-oldest.txt
$(OLDEST_VENV)/.dev: PYTHON = $(OLDEST_PYTHON)
$(OLDEST_VENV)/.dev: SUPPORTED = $(OLDEST_SUPPORTED)
$(OLDEST_VENV)/.dev: VERSIONS := 3.11 or 3.12
$(OLDEST_VENV)/.dev: pyproject.toml constraints-oldest.txt
	$(call install,$(OLDEST_VENV),$(OLDEST))

$(BEAM_VENV)/.run: CONSTRAINTS := constraints-beam.txt
$(BEAM_VENV)/.run: pyproject.toml constraints-beam.txt
	$(call install,$(BEAM_VENV),$(BEAM))

.PHONY: demo
demo: $(VENV)/.run ## train on the embedded digits, write a preview, say where everything lies
	@rm -rf runs/demo
	$(BIN)/augreg train policies/digits.json --data digits --epochs 5 --output runs/demo
	$(BIN)/augreg preview policies/flowers.json --output runs/demo/preview.png
	@echo
	@echo "Everything lies in runs/demo:"
	@echo "  preview.png    a photograph beside nine samples of policies/flowers.json"
	@echo "  curves.png     loss and accuracy by epoch (history.csv has the numbers)"
	@echo "  summary.json   test accuracy, images per second, policy hash, versions"
	@echo "  model.keras    the trained model; export/ is a SavedModel that takes raw images"
	@echo "  policy.json    the policy it was trained with"
	@echo "Next: $(BIN)/augreg explain policies/flowers.json, or $(BIN)/augreg --help"

POLICY ?= flowers
IMAGES ?=

.PHONY: studio
studio: $(VENV)/.studio ## a page to write and see a policy: make studio POLICY=my.json IMAGES=photos
	$(BIN)/augreg studio $(POLICY) $(IMAGES)

.PHONY: test
test: style types layers generated docs unit ## every check; the tests come last

.PHONY: style
style: $(VENV)/.dev ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/.dev ## mypy
	$(BIN)/mypy

.PHONY: layers
layers: $(VENV)/.dev ## import-linter: who may import what
	$(BIN)/lint-imports

.PHONY: generated
generated: $(VENV)/.dev ## the generated files are current
	$(BIN)/augreg schema | diff policies/policy.schema.json - \
		|| { echo "policies/policy.schema.json is out of date: run 'make generate'" >&2; exit 1; }
	$(BIN)/python docs/generate.py --check

.PHONY: generate
generate: $(VENV)/.dev ## write the generated files anew
	@mkdir -p build
	$(BIN)/augreg schema > build/policy.schema.json
	mv build/policy.schema.json policies/policy.schema.json
	$(BIN)/python docs/generate.py

.PHONY: docs
docs: $(VENV)/.dev ## build the documentation into build/docs
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

.PHONY: unit
unit: $(VENV)/.dev build/editor/.done ## pytest, without what test-scale runs
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not scale"

# The language server of Visual Studio Code, for tests/test_editor.py, which is skipped without it:
# node and npm are no requirement, and neither is a network once everything is installed.
build/editor/.done:
	@mkdir -p $(@D)
	@if command -v npm >/dev/null 2>&1 \
		&& npm install --prefix $(@D) --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
			--fetch-retries=0 --fetch-timeout=60000 $(LANGUAGE_SERVER); then touch $@; \
	else echo "No npm, or no network: the tests of editors are skipped."; fi

# JAX in a folder of its own: where it is installed, TensorFlow imports it, a second each time.
build/jax/.done: $(VENV)/.dev
	@uv pip install --quiet --python $(BIN)/python --no-deps --target $(@D) -c $(CONSTRAINTS) \
			jax jaxlib 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --no-deps --target $(@D) -c $(CONSTRAINTS) jax jaxlib
	@touch $@

.PHONY: test-scale
test-scale: build/jax/.done ## pytest of work that is spread over processes, which are killed
	TF_ENABLE_ONEDNN_OPTS=1 PYTHONPATH=$(CURDIR)/build/jax $(BIN)/python -m pytest -m scale

# Each of pytest's workers has a core, so XLA need not share a program's code out among threads.
.PHONY: test-optimized
test-optimized: $(VENV)/.dev ## pytest of pixels, compiled as users' programs are
	XLA_FLAGS="--xla_cpu_parallel_codegen_split_count=1 --xla_cpu_prefer_vector_width=512" \
	$(PYTEST) -n $(JOBS) --dist worksteal \
		tests/net $(addprefix tests/test_,$(addsuffix .py,parity stablehlo module positions levels \
			draws displacement targets targets_projective turns repeats \
			pieces run_time_sizes))

.PHONY: test-oldest
test-oldest: $(OLDEST_VENV)/.dev ## pytest on the oldest TensorFlow and Keras that augreg takes
	$(OLDEST_VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: test-beam
test-beam: $(BEAM_VENV)/.run ## pytest of augreg.beam, beside Apache Beam
	$(BEAM_VENV)/bin/python -m pytest tests/test_beam.py

.PHONY: fuzz
fuzz: $(VENV)/.dev ## 100,000 hostile policies (a few minutes); more, where atheris is installed
	AUGREG_FUZZ=100000 $(BIN)/python -m pytest tests/test_fuzz.py -s -k 'bytes or mutated' \
		-o faulthandler_timeout=0
	@mkdir -p build
	@if $(BIN)/python -c 'import atheris' 2>/dev/null; then \
		$(BIN)/python tests/fuzz_atheris.py -max_total_time=300 -artifact_prefix=build/; \
	else \
		echo "For a run guided by coverage, install atheris into $(VENV)."; \
	fi

# The net's cases from FIRST on, N of them; each way that compiles is taken once in EVERY cases.
N ?= 1000
FIRST ?= 0
EVERY ?= 40

.PHONY: fuzz-policies
fuzz-policies: $(VENV)/.dev ## N generated policies, each in every way, beside a plain interpreter
	PYTHONPATH=tests $(BIN)/python -m net --first $(FIRST) --count $(N) --every $(EVERY) --jobs $(JOBS)

.PHONY: bench
bench: $(BENCH_VENV)/.run ## measure augreg beside its peers
	$(BENCH_VENV)/bin/python -m benchmarks

.PHONY: clean
clean: ## remove what was built; runs/ stays
	rm -rf $(VENV) $(BENCH_VENV) $(OLDEST_VENV) $(BEAM_VENV) build dist .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
