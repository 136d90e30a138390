# make audit   a real model, real people's records, one HTML report
# make test    everything a change must pass

VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= reticent-out/demo
JOBS   ?= 2
WORKERS ?= 2
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

.PHONY: audit test lint types format docs clean help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

audit: $(VENV)/.installed
	$(BIN)/reticent demo --out $(OUT) --jobs $(JOBS)

test: lint types
	$(BIN)/python -m pytest -q -n $(WORKERS) $(PYTEST)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The generated pages: command line and configuration.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/generate.py

$(VENV)/.made:
	@echo "Creating $(VENV)"
	@PYTHON="$(PYTHON)" scripts/make-venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing Reticent and what it needs (a few minutes the first time)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing Reticent with its development tools (a few minutes the first time)"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(VENV).tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
