# `make demo` and `make test` do all set-up themselves; they need Python and make.
PYTHON ?= python3
# make test KERAS=3.12.4 tests with another Keras, in an environment of its own.
KERAS ?=
VENV ?= .venv$(addprefix -keras-,$(KERAS))
# Where there is no CPU-only wheel (macOS, Windows): make test TENSORFLOW=tensorflow
TENSORFLOW ?= tensorflow-cpu
# make test-touched BASE=v0.1.0
BASE ?= HEAD

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL = $(PIP) install --constraint $(VENV)/constraints.txt
RUN := $(BIN)/python tools/run_backends.py

.PHONY: demo test test-all test-touched test-nightly seconds lint readme clean

demo: $(VENV)/.demo  ## Two minutes of search on long-tailed digits; writes runs/digits
	KERAS_BACKEND=$${KERAS_BACKEND:-jax} $(BIN)/keras-funcs tune digits --out runs/digits --time 2m

test: $(VENV)/.test  ## Every test, dear ones on one backend each
	$(RUN)

test-all: $(VENV)/.test  ## Every test on every backend, before a release
	$(RUN) --full

test-touched: $(VENV)/.test  ## The same for components that differ from BASE
	$(RUN) --touched $(BASE)

test-nightly:  ## `make test` on Keras's nightly build; its failure is told
	-$(MAKE) test KERAS=nightly

seconds: $(VENV)/.test  ## Records how long tests take, for later runs
	$(RUN) --full --record
	$(RUN) --record

lint: $(VENV)/.test  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

readme: $(VENV)/.test  ## Writes the generated tables and pages anew
	KERAS_BACKEND=jax $(BIN)/python tools/readme_tables.py README.md
	KERAS_BACKEND=jax $(BIN)/python -m tools.migration_page docs/migration.md
	KERAS_BACKEND=jax $(BIN)/python -m tools.contact_sheet docs/activations.png

clean:  ## Removes the virtual environments; runs/ stays
	rm -rf .venv .venv-keras-*

$(VENV)/.demo: pyproject.toml $(VENV)/constraints.txt
	$(INSTALL) --editable '.[jax,tune]'
	$(call keras)
	touch $@

$(VENV)/.test: pyproject.toml $(VENV)/constraints.txt
	$(INSTALL) --editable '.[jax,torch,dev]' $(TENSORFLOW)
	$(call keras)
	touch $@ $(VENV)/.demo

# Another Keras takes the place of the pinned one.
define keras
$(if $(filter nightly,$(KERAS)),$(PIP) uninstall --yes keras && $(INSTALL) keras-nightly)
endef

$(VENV)/constraints.txt: constraints.txt | $(BIN)/python
	sed '$(if $(KERAS),s/^keras==.*/$(filter-out keras==nightly,keras==$(KERAS))/)' constraints.txt > $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
