# What a fresh machine needs: Python 3.11 or newer with pip, and make.
#
#   make demo    environment, install, synthetic hospital → report; ends by saying where it is
#   make test    environment, install, every check and test that CI runs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Files of tests share the cores; a second thread of torch beside them would only wait.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-all check format lint type clean

help:
	@echo "make demo       from a synthetic hospital to a label-efficiency report"
	@echo "make test       every check and test that CI runs"
	@echo "make test-fast  tests without those that start processes or take long"
	@echo "make test-all   slow and GPU tests too"
	@echo "make format     put code into the house format"
	@echo "make lint       ruff and the layer contracts"
	@echo "make type       mypy, strict"
	@echo "make clean      remove the environment and caches, never runs/"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "medcl needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Installs again only when what is required has changed.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/python -m pipelines.quickstart

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test: check
	$(PYTEST) -m "not slow and not gpu"

test-fast: $(INSTALLED)
	$(PYTEST) -m "not slow and not gpu and not ddp"

test-all: check
	$(PYTEST)

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/lint-imports

type: $(INSTALLED)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
