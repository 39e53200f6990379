# make install | demo | retrain | test | quick | lint | docs | linkcheck | record | release | lock | upgrade
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# the workflow's jobs call `semrobust`, so the environment goes first in their PATH
RUN := PATH="$$PWD/$(BIN):$$PATH"

.PHONY: install demo retrain test quick lint docs linkcheck record release lock upgrade

install: $(INSTALLED)

# pyldpc's setup imports numpy, which build isolation would hide: numpy comes first, and isolation is off
$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "semrobust needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $$(grep -E '^(numpy|setuptools|wheel)==' requirements.lock)
	$(BIN)/pip install --quiet --no-build-isolation -r requirements.lock
	$(BIN)/pip install --quiet --no-build-isolation --no-deps -e .
	touch $@

demo: install
	$(RUN) snakemake --cores $(CORES) all --configfile params/demo.yaml
	@echo "Figures: figures/demo/  Tables: data/demo/results/"

# the networks of the run in params.yaml, which stay as they are until all new ones are whole
retrain: install
	$(RUN) snakemake --cores $(CORES) images
	$(RUN) semrobust models --retrain

# the longest files first; more processes than cores, since Slurm and kills wait a lot
test: install
	$(RUN) pytest tests -n 3 --dist loadfile --no-loadscope-reorder --durations 20 --cov --cov-fail-under=92

# what takes seconds each, without coverage
quick: install
	$(RUN) pytest tests -m 'not slow' -n 2 --dist loadfile

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# the site, without the network; anything that Sphinx warns of, such as a link within it that leads nowhere, is an error
docs: install
	$(BIN)/sphinx-build -q -b html -n -W --keep-going docs docs/_build/html
	@echo "Pages: docs/_build/html/index.html"

# links to elsewhere, on demand: this asks the network
linkcheck: install
	$(BIN)/sphinx-build -q -b linkcheck docs docs/_build/linkcheck

# after a plain `snakemake all`: write its state into dvc.lock, unless something is stale, and what its jobs took and would take larger
record: install
	$(RUN) python workflow/record.py
	$(RUN) python workflow/costs.py
	$(RUN) python workflow/scaling.py

# networks, tables, figures, report and records of the run in params.yaml as dist/semrobust-results-VERSION.tar.gz, with checksums
release: install
	$(RUN) python workflow/release.py

# the versions that are installed become the pins; environment.yml takes its own from there
lock: install
	{ head -2 requirements.lock; $(BIN)/pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu$$//'; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
	$(BIN)/python workflow/pins.py

# the newest versions that pyproject.toml admits, and these become the pins
upgrade: install
	$(BIN)/pip install --upgrade --upgrade-strategy eager --no-build-isolation -e '.[workflow,docs,dev]'
	$(MAKE) lock
