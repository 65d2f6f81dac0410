# Every target works first on a fresh clone; a second run installs nothing again.
# OFFLINE=1 asks the network for nothing but the packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HTML := book/_build/html
NBVAL := $(BIN)/python -m pytest --nbval-lax --nbval-cell-timeout=300 --nbval-kernel-name=python3 -p no:cacheprovider notebooks

# Test files that run at the same time.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# What `make test` builds the book with, so that it tests the same on every machine
# that has them or can fetch them; elsewhere, what `make book` would take.
TEST_WEIGHTS ?= vgg16
use = if [ "$${OFFLINE:-0}" = 0 ]; then if $(BIN)/fusionlib weights fetch $(1) >/dev/null; \
	then export FUSIONLIB_WEIGHTS=$(1); else echo "going on with the weights that are here"; fi; fi

build_book = $(BIN)/python book/cache_key.py && $(BIN)/python book/execute.py && rm -rf $(foreach part,html jupyter_execute .doctrees,book/_build/$(part)) && $(BIN)/python book/lab/build.py && \
	FUSIONLIB_BOOK=1 PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter-book build . --config book/_config.yml \
	--toc book/_toc.yml --path-output book -W --keep-going && \
	$(BIN)/python book/kit/editions.py pages >/dev/null && echo "$(CURDIR)/$(HTML)/index.html"

.DEFAULT_GOAL := help
.PHONY: help install setup book test test-unit test-book test-more test-machines lint fix serve lab student instructor pdf slides data bench clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[pinned]"
	@touch $@

install: $(STAMP) ## create .venv and install everything into it

setup: $(STAMP) ## fetch trained weights and the real pairs if the network allows
	@$(BIN)/fusionlib setup

book: setup ## execute the notebooks and build the book
	@$(build_book)

serve: ## serve the built book on this machine, with threads for its lab page
	@$(BIN)/python book/kit/serve.py

test: lint test-unit test-book ## lint, unit tests, the book with all its notebooks

test-unit: setup
	$(PYTEST) tests --ignore=tests/book

# Building the book executes every notebook: an error in a cell ends it.
test-book: setup
	@$(call use,$(TEST_WEIGHTS)); $(build_book) && $(PYTEST) tests/book

test-more: setup ## long tests; notebooks by nbval: trained, random, and this machine's weights
	$(BIN)/python -m pytest tests -m more
	@$(call use,$(TEST_WEIGHTS)); $(NBVAL)
	FUSIONLIB_WEIGHTS=seeded FUSIONLIB_DATA=none FUSIONLIB_REFERENCE= $(NBVAL)
	@[ -z "$$FUSIONLIB_WEIGHTS" ] || $(NBVAL)

test-machines: setup ## core tests and chapters on simulated older processors
	$(BIN)/python tests/machines.py

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(STAMP) ## let ruff correct and format what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: setup ## open a working copy of the notebooks, the folder work, in JupyterLab
	@$(BIN)/python book/kit/editions.py work
	$(BIN)/jupyter lab --notebook-dir=work --LabApp.app_settings_dir="$(CURDIR)/book/kit/lab" \
		--LabApp.default_url=/lab/tree/START_HERE.ipynb

student: $(STAMP) ## notebooks without solutions, and an archive with all they need
	@$(BIN)/python book/kit/editions.py student

instructor: $(STAMP) ## the whole notebooks in plain Markdown, and all answers
	@$(BIN)/python book/kit/editions.py instructor

pdf: book ## PDFs by Chromium: the book without and with solutions, the handout
	@$(BIN)/python book/kit/pdf.py

slides: book ## slides of the two plans for lecturers, each one file
	@$(BIN)/python book/kit/slides.py

data: $(STAMP) ## download the 21 real pairs and the Oxford weights, or fail
	$(BIN)/fusionlib data fetch
	$(BIN)/fusionlib weights fetch oxford

bench: $(STAMP) ## measure the speed and write the numbers of the book's page
	$(BIN)/python benchmarks/bench_fusion.py --book --json book/results/benchmark.json
	$(BIN)/python benchmarks/bench_peers.py --install .venv-peers --json book/results/peers.json

clean: ## remove everything that was built, the environment included
	rm -rf $(VENV) book/_build book/lab/_build book/lab/node_modules .jupyter_cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
