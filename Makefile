# Every target sets up what it needs, and is safe to run again. The rings of tests, from the inside:
# `make test-quick` while working, `make test` before a change lands, `make test-long` before a
# release; `.ci/run` runs the last two.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check
PYTHONS ?= 3.10 3.12 3.13

.PHONY: release demo test-quick test test-long lint types test-only test-slow test-fuzz test-mutation test-soak canary \
	audit docs dist test-wheel test-pythons test-floors test-floor clean
.SECONDARY: # the environments of the pattern rules are kept

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) install -q -c constraints.txt --upgrade pip
	$(BIN)/python $(PIP) install -q -c constraints.txt torch hatchling editables
	$(BIN)/python $(PIP) install -q -c constraints.txt --no-build-isolation -e '.[all]' --group dev
	touch $@

demo: $(VENV)/.installed
	$(BIN)/tune-bn tune --data digits --out runs/demo

# --- The rings of tests ---------------------------------------------------------------------

# Several processes share the tests, file by file, in the order that tests/conftest.py gives them.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell echo $$(( $(CORES) < 4 ? $(CORES) : 4 )))
PARALLEL := -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# What one runs while working: nothing that starts processes, compiles or opens a browser.
test-quick: $(VENV)/.installed
	$(BIN)/python -m pytest $(PARALLEL) -m "not heavy and not slow" \
		tests/core tests/optuna tests/nn tests/report tests/plain tests/typing tests/test_style.py

# What a change must pass. Types are checked beside the tests, which wait for processes at times.
test: lint
	$(MAKE) -j 2 types test-only

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

test-only: $(VENV)/.installed
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

# All the rest that a release must pass. The wheel and the other Pythons repeat the tests of the
# core and the Optuna side only, which run anywhere.
test-long: docs test-wheel test-pythons test-floors test-slow test-fuzz test-mutation test-soak

# Long versions of tests that have a short form in `make test`.
test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest $(PARALLEL) -m slow

# Generated files of every format that people hand over; 100,000 take about ten minutes of one core.
FILES ?= 100000
test-fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz.drive all --start 100000 --count $(FILES)

# Breaks the core in so many places, one at a time; 70 take about ten minutes of one core.
MUTANTS ?= 70
test-mutation: $(VENV)/.installed
	$(BIN)/python -m tests.mutation.run --count $(MUTANTS)

# One process that tunes for so long: what it leaves behind in memory, threads and files.
MINUTES ?= 30
test-soak: $(VENV)/.installed
	mkdir -p build
	$(BIN)/python -m benchmarks soak --minutes $(MINUTES) --out build/soak.jsonl

# Whether both adapters keep their contracts on the newest Optuna and Ray that are published. What
# these need comes with them; everything else stays as it is pinned.
canary: .venv-canary/.installed
	.venv-canary/bin/python $(PIP) install -q --upgrade optuna "ray[tune]"
	.venv-canary/bin/python -m pytest $(PARALLEL) -p no:cacheprovider -m "not slow" tests/optuna tests/ray

.venv-canary/.installed: pyproject.toml constraints.txt
	test -x .venv-canary/bin/python || $(PYTHON) -m venv .venv-canary
	.venv-canary/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-canary/bin/python $(PIP) install -q -c constraints.txt torch hatchling editables
	.venv-canary/bin/python $(PIP) install -q -c constraints.txt --no-build-isolation -e '.[ray,cli]' --group test
	touch $@

# Whether a pinned package has a known vulnerability. It needs PyPI's own JSON pages, which mirrors
# and proxies often lack; where none of them answers it says that nothing was checked, and fails.
audit: .venv-audit/.installed
	mkdir -p build
	.venv-audit/bin/pip-audit --vulnerability-service pypi --disable-pip --no-deps \
		--progress-spinner off --format json -r constraints.txt > build/audit.json || true
	.venv-audit/bin/python -m tests.support.audit build/audit.json

.venv-audit/.installed: pyproject.toml constraints.txt
	test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-audit/bin/python $(PIP) install -q -c constraints.txt --group audit
	touch $@

# --- The documentation: site/index.html -----------------------------------------------------

$(VENV)/.docs-installed: $(VENV)/.installed
	$(BIN)/python $(PIP) install -q -c constraints.txt --group docs
	touch $@

# The variable turns off a banner about the end of mkdocs-material in 2027, which --strict would
# not fail for. Zensical, its successor, reads the same mkdocs.yml.
docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# --- A release: dist/ -----------------------------------------------------------------------

.venv-dist/.installed: constraints.txt
	test -x .venv-dist/bin/python || $(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-dist/bin/python $(PIP) install -q -c constraints.txt hatchling
	touch $@

dist: .venv-dist/.installed
	rm -rf dist
	.venv-dist/bin/python -m hatchling build

release:
	@! grep -n 'github.com/OWNER' pyproject.toml || { echo "A release needs the repository's" \
		"address, but got a placeholder. Set it in pyproject.toml, [project.urls]."; exit 1; }
	$(MAKE) dist

# The tests of the sdist, against the wheel, in a folder without the source.
test-wheel: dist
	rm -rf build/wheel && mkdir -p build/wheel
	tar -xzf dist/tune_bn-*.tar.gz -C build/wheel --strip-components 1
	rm -rf build/wheel/tune_bn .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-wheel/bin/python $(PIP) install -q -c constraints.txt "$$(echo dist/*.whl)[cli]" --group test
	.venv-wheel/bin/python $(PIP) check
	cd build/wheel && ../../.venv-wheel/bin/python -m pytest $(PARALLEL) -m "not slow" --without ray \
		tests/core tests/optuna tests/cli/test_commands.py tests/cli/test_main.py

# --- Other Pythons, and the floors of every dependency --------------------------------------

# The interpreter of a version: one on the path, or one that pyenv keeps.
python = $(or $(shell for p in python$(1) $$HOME/.pyenv/versions/$(1).*/bin/python; do \
	$$p -c '' 2>/dev/null && echo $$p && break; done),$(error Python $(1) is not installed))
SMALL := tune_bn/core tune_bn/optuna tests/core tests/optuna
WITHOUT := --without ray --without torch --without pandas

# Floors first; what they do not name comes from constraints.txt.
build/constraints-floor.txt: constraints-floor.txt constraints.txt
	mkdir -p build
	awk -F'[=;]' 'NR == FNR { floor[$$1]; print; next } !($$1 in floor)' $^ > $@

python-%: # prints the interpreter of a version, or fails
	@echo $(call python,$*)

.venv-floor-%/.installed: pyproject.toml build/constraints-floor.txt
	test -x .venv-floor-$*/bin/python || $(call python,$*) -m venv .venv-floor-$*
	.venv-floor-$*/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-floor-$*/bin/python $(PIP) install -q -c constraints.txt hatchling editables
	.venv-floor-$*/bin/python $(PIP) install -q -c build/constraints-floor.txt \
		--no-build-isolation -e '.[optuna,report]' --group test
	touch $@

.venv-%/.installed: pyproject.toml constraints.txt
	test -x .venv-$*/bin/python || $(call python,$*) -m venv .venv-$*
	.venv-$*/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-$*/bin/python $(PIP) install -q -c constraints.txt hatchling editables
	.venv-$*/bin/python $(PIP) install -q -c constraints.txt \
		--no-build-isolation -e '.[optuna,report]' --group test
	touch $@

# The whole tool on the floors, but torch's: older builds of it bring gigabytes.
.venv-floor/.installed: pyproject.toml build/constraints-floor.txt
	test -x .venv-floor/bin/python || $(PYTHON) -m venv .venv-floor
	.venv-floor/bin/python $(PIP) install -q -c constraints.txt --upgrade pip
	.venv-floor/bin/python $(PIP) install -q -c constraints.txt torch hatchling editables
	.venv-floor/bin/python $(PIP) install -q -c build/constraints-floor.txt \
		--no-build-isolation -e '.[ray,cli]' --group test
	touch $@

# The variable is what old versions of Ray ask for in a warning; they also leave files open. Where
# a node goes away, Ray 2.50 itself ends one run of three with "Can't find actor".
test-floor: .venv-floor/.installed
	RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 .venv-floor/bin/python -m pytest $(PARALLEL) -m "not slow" \
		-W ignore::ResourceWarning -p no:cacheprovider \
		--deselect tests/ray/test_cluster.py::test_a_removed_node_loses_no_trial \
		tests/ray tests/report tests/training tests/tuning tests/cli

test-python-%: .venv-%/.installed
	.venv-$*/bin/python -m pytest $(PARALLEL) -m "not slow" -p no:cacheprovider $(WITHOUT) $(SMALL)

test-floor-%: .venv-floor-%/.installed
	.venv-floor-$*/bin/python -m pytest $(PARALLEL) -m "not slow" -p no:cacheprovider $(WITHOUT) $(SMALL)

test-pythons: $(PYTHONS:%=test-python-%)

# The oldest Python has the oldest of everything.
test-floors: test-floor $(addprefix test-floor-,$(firstword $(PYTHONS)))

clean:
	rm -rf .venv* runs build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
