# make demo: the whole workflow on a simulated survey.   make test: every check.   make: this list.
# Another Python:           make demo PYTHON=python3.12
# Small CPU build of torch, for Linux: make demo TORCH=cpu
# Packages from elsewhere than PyPI (a cluster's own builds, another CUDA): make demo HASHES=no
PYTHON ?= python3
PIP_ARGS ?=
HASHES ?= yes
TORCH ?= pypi
TORCH_INDEX_cpu ?= --extra-index-url https://download.pytorch.org/whl/cpu

BIN := .venv/bin
READY := .venv/.ready

.PHONY: help install demo test bench packages-yes packages-no
help:
	@echo "make install what the others need"
	@echo "make demo    simulate a survey, train, measure, draw: results/demo/report.html"
	@echo "make test    linters and tests"
	@echo "make bench   the measured figures, one line per benchmark"
	@echo "Each of them first installs requirements.txt into .venv, once (start over: rm -r .venv)."

install: $(READY)

demo: $(READY)
	$(BIN)/snakemake --cores all
	@echo
	@echo "The report: results/demo/report.html"
	@echo "In a browser: file://$(CURDIR)/results/demo/report.html"

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(BIN)/snakemake --lint
	$(BIN)/python -m pytest -m "not demo" --numprocesses auto --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m demo  # by itself, since it takes all cores

bench: $(READY)
	$(BIN)/python -m benchmarks

PIP := $(BIN)/python -m pip install --quiet $(PIP_ARGS)
LOCKED := $(PIP) --require-hashes --no-deps --no-build-isolation --use-pep517 --requirement

# touched last: an interrupted installation is taken up again by the next make
$(READY): requirements.txt $(wildcard requirements*.lock) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, but \`$(PYTHON)\` is: $$($(PYTHON) --version 2>&1)"; \
	  echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "\`$(PYTHON) -m venv\` failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing the pinned packages into .venv; minutes, once."
	@$(MAKE) --no-print-directory packages-$(HASHES)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check
	@touch $@

# every file is compared with its checksum, also those that others are built with, hence no isolated builds
packages-yes:
	@{ $(LOCKED) requirements-build.lock && $(LOCKED) requirements.lock && \
	  $(LOCKED) requirements-torch-$(TORCH).lock $(TORCH_INDEX_$(TORCH)); } || { \
	  echo "Not installed. If pip speaks of hashes above, it took a file that is not PyPI's. Where you trust the"; \
	  echo "place that it comes from (pip config list): make HASHES=no, the same versions unchecked."; exit 1; }

packages-no:
	@sed -n 's/^\([A-Za-z][^ ]*==[^ ]*\).*/\1/p' requirements-build.lock requirements.lock > .venv/versions.txt
	@$(PIP) --requirement requirements.txt --constraint .venv/versions.txt $(TORCH_INDEX_$(TORCH))
