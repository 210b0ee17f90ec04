# `make test` sets itself up on a fresh machine: Python >= 3.11, make, this checkout.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install test clean

install: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("whichwhale needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

test: install
	$(BIN)/python -m pytest

clean:
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache .hypothesis
