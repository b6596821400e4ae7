# Every command makes and updates its own environment in .venv; nothing but git, make and Python 3.11+ is needed.
# A stamp file in .venv stands for each set of extras and is renewed when pyproject.toml changes.

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
JOBS ?= 2
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet
PYTEST = $(RUN) -m pytest -n $(JOBS) --dist loadgroup

.DEFAULT_GOAL := help
.NOTPARALLEL: # two pips at once in one environment would break it
.PHONY: help train transformer test compare lint types fuzz bench reference stubs house lines clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  Options go through ARGS, as in: make train ARGS="--hidden 500,150 --epochs 5"'
	@echo '  Another Python: make test PYTHON=python3.12        More processes: make test JOBS=8'

# Networks this small gain little from a second BLAS thread and lose much by it where the machine is busy.
train: $(VENV)/.train ## learn real handwritten digits and write pictures to runs/
	OPENBLAS_NUM_THREADS=$${OPENBLAS_NUM_THREADS:-1} $(RUN) -m tinygrad_lite train $(ARGS)

transformer: $(VENV)/.train ## a character-level transformer learns Shakespeare's sonnets and writes a few lines
	OPENBLAS_NUM_THREADS=$${OPENBLAS_NUM_THREADS:-1} $(RUN) -m benchmarks.transformer $(ARGS)

# One BLAS thread for each of the parallel processes: more would fight for the same cores.
test compare fuzz: export OPENBLAS_NUM_THREADS = 1
test compare fuzz: export OMP_NUM_THREADS = 1

test: lint types ## lint, type-check, all tests and doctests
	$(PYTEST) $(ARGS)

compare: $(VENV)/.dev $(VENV)/.compare ## compare with PyTorch on the CPU; a skipped comparison fails
	$(PYTEST) tests/compare --compare $(ARGS)

lint: $(VENV)/.dev ## ruff
	$(RUN) -m ruff check

types: $(VENV)/.dev ## mypy --strict
	$(RUN) -m mypy

fuzz: $(VENV)/.dev ## the property tests, with many more examples
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) -m hypothesis $(ARGS)

bench: $(VENV)/.bench ## microseconds per op and per training step
	$(RUN) -m benchmarks.overhead $(ARGS)
	$(RUN) -m benchmarks.step $(ARGS)
	$(RUN) -m benchmarks.models $(ARGS)
	$(RUN) -m benchmarks.conv $(ARGS)

reference: $(VENV)/.dev ## write docs/reference anew from the docstrings
	$(RUN) docs/make_reference.py

stubs: $(VENV)/.dev ## write the .pyi anew: what type checkers read of ops and compositions
	$(RUN) docs/make_stubs.py

house: $(VENV)/.dev ## draw docs/pictures/house.svg anew from the imports
	$(RUN) docs/make_house.py

lines: $(VENV)/bin/pip ## the size table
	@$(RUN) -m benchmarks.lines

clean: ## remove what these commands made, except runs/
	rm -rf $(VENV) build dist *.egg-info .coverage htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find tinygrad_lite nn datasets tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# `venv` writes bin/pip last: an environment that was interrupted half-way is made again.
$(VENV)/bin/pip:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' || { \
		echo "tinygrad_lite needs Python 3.11 or newer, and $(or $(PYTHON),no python3 that was found) is not:" \
		     "$$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)." >&2; \
		echo "Install one and name it, as in: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.train $(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing tinygrad_lite with the extra '$*' into $(VENV), once: this takes up to a minute ..."
	@$(PIP) --editable '.[$*]'
	@touch $@

# Outside pyproject.toml on purpose: PyTorch is large, and only `make compare` needs it.
$(VENV)/.compare: Makefile | $(VENV)/bin/pip
	$(PIP) torch==2.13.0
	@touch $@
