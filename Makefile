# make demo: the whole workflow on a simulated survey.   make test: every check.   make: this list.
# Another Python:           make demo PYTHON=python3.12
# Small CPU build of torch: make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
PIP_ARGS ?=

BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test bench
help:
	@echo "make demo    simulate a survey, train, measure, draw: results/demo/report.html"
	@echo "make test    linters and tests"
	@echo "make bench   the measured figures, one line per benchmark"
	@echo "The first of them installs requirements.txt into .venv (start over: rm -r .venv)."

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
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

bench: $(READY)
	$(BIN)/python -m benchmarks

# touched last: an interrupted installation is taken up again by the next make
$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, but \`$(PYTHON)\` is: $$($(PYTHON) --version 2>&1)"; \
	  echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "\`$(PYTHON) -m venv\` failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing the pinned packages into .venv; minutes, once."
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
