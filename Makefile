# Every target works first on a fresh clone; a second run installs nothing again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HTML := book/_build/html
NBVAL := --nbval-lax --nbval-cell-timeout=150 --nbval-kernel-name=python3 -p no:cacheprovider

.DEFAULT_GOAL := help
.PHONY: help install book test test-unit test-notebooks test-book lint lab data bench clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[pinned]"
	@touch $@

install: $(STAMP) ## create .venv and install everything into it

# The execution cache knows the cells of a notebook only: drop it when anything
# else that the notebooks depend on has changed.
book: $(STAMP) ## execute the notebooks and build the book
	@key=$$( { find fusionlib book/results -type f ! -name '*.pyc' | LC_ALL=C sort | xargs cat; cat pyproject.toml; \
	  echo "$$FUSIONLIB_DATA|$$FUSIONLIB_WEIGHTS|$$FUSIONLIB_REFERENCE"; } 2>/dev/null | sha256sum); \
	if [ "$$key" != "$$(cat .jupyter_cache/key 2>/dev/null)" ]; then \
	  rm -rf .jupyter_cache; mkdir -p .jupyter_cache; echo "$$key" > .jupyter_cache/key; fi
	@rm -rf book/_build
	$(BIN)/python book/lab/build.py
	FUSIONLIB_BOOK=1 PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter-book build . --config book/_config.yml --toc book/_toc.yml --path-output book -W --keep-going
	@echo "$(CURDIR)/$(HTML)/index.html"

test: lint test-unit test-notebooks test-book ## lint, unit tests, notebooks, book checks

test-unit: $(STAMP)
	$(BIN)/python -m pytest tests --ignore=tests/book

test-notebooks: $(STAMP)
	$(BIN)/python -m pytest $(NBVAL) notebooks

test-book: book
	$(BIN)/python -m pytest tests/book

.PHONY: test-machines
test-machines: $(STAMP) ## golden and core tests as on older processors
	$(BIN)/python tests/machines.py

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lab: $(STAMP) ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=notebooks

data: $(STAMP) ## download the 21 real pairs and the Oxford weights
	$(BIN)/fusionlib data fetch
	$(BIN)/fusionlib weights fetch oxford

bench: $(STAMP) ## measure the speed and write the numbers of the book's page
	$(BIN)/python benchmarks/bench_fusion.py --book --json book/results/benchmark.json

clean: ## remove everything that was built, the environment included
	rm -rf $(VENV) book/_build book/lab/_build book/lab/node_modules .jupyter_cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
