# `make demo` and `make test` set everything up themselves and are safe to run again.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint types test-only test-slow test-fuzz test-mutation clean

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt --upgrade pip
	$(PIP) install -q -c constraints.txt torch hatchling editables
	$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[all]' --group dev
	touch $@

demo: $(VENV)/.installed
	$(BIN)/tune-bn tune --data digits --out runs/demo

test: lint types test-only

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

test-only: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow

# 100,000 generated files of every format that people hand over; about ten minutes of one core.
test-fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz.drive all --start 100000

# Breaks the core in 70 places, one at a time; about ten minutes of one core.
test-mutation: $(VENV)/.installed
	$(BIN)/python -m tests.mutation.run --count 70

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
