# What a checkout can do: `make help` lists it.

#: PYTHON=python3.12	make .venv with this Python
#: ARGS="..."	is passed on to the tool behind the target
#: BROWSER=no	install no package of the system; what needs a browser is then skipped where none is

PYTHON ?= python3
ARGS ?=
BROWSER ?=

VENV := .venv
BIN := $(VENV)/bin

# A file with another hash than constraints.txt says is not installed. This checkout has no hash.
INSTALL := $(BIN)/python -m pip install --quiet --no-require-hashes --constraint constraints.txt
PACKAGE := $(INSTALL) --build-constraint constraints.txt --editable

# PyTorch for processors alone, from where pip is told that it is: 5 GB less than with CUDA.
TORCH := $(shell sed -n 's/^\(torch==[0-9.]*\).*/\1+cpu/p' constraints.txt)

# They ask for torchvision, which nothing here uses and whose builds do not fit every build of
# PyTorch: they, and what else they need, are installed without what they ask for.
BARE := $(INSTALL) --no-deps
ORACLES := backpack-for-pytorch curvlinops-for-pytorch einconv einops linear-operator unfoldnd
PEERS := cockpit-for-pytorch json-tricks seaborn

SOURCES := $(wildcard src tests benchmarks docs release frontend/generate.py frontend/wire.py)

# Modules that write files which are committed. Each takes --check, and then only compares.
GENERATORS := $(wildcard docs/generate.py docs/pictures.py docs/saved.py tests/generated.py frontend/generate.py)

# What is installed for the figure kit, where there is npm.
NODE := $(if $(shell command -v npm),frontend/node_modules/.package-lock.json)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run lab test quick bench check pins dist sbom installs clean browser

help: ## list the targets, and what they may be told
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8
	@sed -n 's/^#: //p' $(MAKEFILE_LIST) | expand -t 22

# The command is shown: it is what the reader types next.
run: $(VENV)/.core ## fit the bundled example and explain the result
	$(BIN)/steepest fit examples/speed.csv "speed ~ a*time**2 + b*time + c" \
		--start a=0.0121,b=-0.6397,c=0.6416 --lr 1e-5 --steps 10 $(ARGS)
	@echo "The same live, in a browser: $(BIN)/steepest lab"

lab: $(VENV)/.core ## open the lab: gradient descent in a browser, live
	@$(BIN)/steepest lab $(ARGS)

test: $(VENV)/.dev $(NODE) browser ## run every test
	@$(BIN)/python -m pytest -n 2 $(ARGS)

quick: $(VENV)/.dev $(NODE) ## run for a minute the tests nearest to what was changed; say which are left
	@$(BIN)/python -m tests.quick $(ARGS)

bench: $(VENV)/.bench $(NODE) browser ## run the side-by-side benchmarks; python -m benchmarks.growth: how cost grows
	@$(BIN)/python -m benchmarks $(ARGS)

check: $(VENV)/.dev $(NODE) ## lint, format, types, layers, generated files
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports --no-logo
	@for module in $(subst /,.,$(basename $(GENERATORS))); do \
		$(BIN)/python -m $$module --check || exit 1; \
	done
	@$(if $(NODE),npm run --silent check --prefix frontend,\
		echo "There is no npm here: the figure kit's bundle is not checked.")

pins: $(VENV)/.release ## bring constraints.txt up to date: ARGS="--upgrade-package NAME", or --upgrade
	@$(BIN)/python -m release.pins editables pip $(ORACLES) $(PEERS) $(ARGS)

dist: $(VENV)/.release ## build the wheel and the source archive into dist/, the same bytes every time
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist

sbom: dist ## list all that the wheel and its extras bring here, as CycloneDX, in dist/
	@$(PYTHON) -m venv --clear --without-pip build/brought
	@$(INSTALL:pip=pip --python build/brought/bin/python) "$$(echo dist/*.whl)[all]"
	@$(BIN)/cyclonedx-py environment build/brought --pyproject pyproject.toml --mc-type library \
		--output-reproducible --output-file dist/steepest.cdx.json

installs: dist ## use the wheel in empty folders: ARGS="python3.11 python3.14 core torch", or every extra
	@$(BIN)/python release/installs.py dist/*.whl $(ARGS)

clean: ## remove what the other targets made
	rm -rf $(VENV) frontend/node_modules build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

# Each stamp stands for an environment in which that much is installed, at the pinned versions.

$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Steepest needs Python 3.11 or newer. Given: $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV), once. This takes a few minutes."
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^pip==/,/[^\\]$$/p' constraints.txt | \
		$(BIN)/python -m pip install --quiet --requirement /dev/stdin
	@touch $@

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/.pip
	@$(PACKAGE) .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.pip
	@$(INSTALL) $(TORCH) 2>/dev/null || true
	@$(PACKAGE) '.[dev]'
	@$(BARE) $(ORACLES)
	@touch $(VENV)/.core $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PACKAGE) '.[bench]'
	@$(BARE) $(PEERS)
	@touch $@

$(VENV)/.release: pyproject.toml constraints.txt | $(VENV)/.pip
	@$(INSTALL) --group release
	@touch $@

# Pages are tested in a browser. It is the one thing that is installed outside this checkout.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		[ "$(BROWSER)" != no ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& echo "Installing packages of this system with apt-get: chromium, fonts-dejavu-core and libatomic1," \
			"to test pages in a browser. BROWSER=no leaves the system as it is." \
		&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq \
			--no-install-recommends chromium fonts-dejavu-core libatomic1 >/dev/null; \
	} || echo "There is no Chromium here, and none was installed: tests of pages are skipped."

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json
	@npm ci --silent --ignore-scripts --prefix frontend
	@touch $@
