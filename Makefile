# `make demo` and `make test` do all set-up themselves; they need Python and make.
PYTHON ?= python3
VENV ?= .venv
# Where there is no CPU-only wheel (macOS, Windows): make test TENSORFLOW=tensorflow
TENSORFLOW ?= tensorflow-cpu

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint readme clean

demo: $(VENV)/.demo  ## Search on real long-tailed digits; writes runs/digits
	KERAS_BACKEND=$${KERAS_BACKEND:-jax} $(BIN)/keras-funcs tune digits --out runs/digits

test: $(VENV)/.test  ## All tests, on TensorFlow, JAX and Torch
	$(BIN)/python tools/run_backends.py

lint: $(VENV)/.test  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

readme: $(VENV)/.test  ## Writes the generated tables and pages anew
	KERAS_BACKEND=jax $(BIN)/python tools/readme_tables.py README.md
	KERAS_BACKEND=jax $(BIN)/python -m tools.migration_page docs/migration.md
	KERAS_BACKEND=jax $(BIN)/python -m tools.contact_sheet docs/activations.png

clean:  ## Removes the virtual environment; runs/ stays
	rm -rf $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[jax,tune]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[jax,torch,dev]' $(TENSORFLOW)
	touch $@ $(VENV)/.demo

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
