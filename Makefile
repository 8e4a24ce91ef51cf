# `make demo` and `make test` set up what they need; a second call reinstalls nothing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(firstword $(foreach name,python3.12 python3.11 python3,$(shell $(name) -c 'import sys, venv; print("$(name)") if (3, 11) <= sys.version_info < (3, 13) else None' 2>/dev/null)))
VENV := .venv
READY := $(VENV)/.ready
SNAKEMAKE := $(VENV)/bin/snakemake --profile profiles/local

.PHONY: help demo base study web test test-fast test-slurm test-envs generate lint lock setup

help:
	@echo "make demo        the whole chain on synthetic hands; ends with tables and results/demo/report.html"
	@echo "make web         the page that runs bundles in a browser (docs/web.md; needs Node.js and npm)"
	@echo "make test        all tests; those on a Slurm where one is installed (make test-fast: only the short ones)"
	@echo "make test-slurm  the tests on a real Slurm that they bring up themselves"
	@echo "make test-envs   build each conda environment with pip and run its commands there (6 to 8 GB each, in turn)"
	@echo "make base        train resources/hands.pt again (hours)"
	@echo "make study       what pruning keeps and what each choice is worth, for docs/studies (hours)"
	@echo "make generate    the schema and the tables of config/README.md from the declared options"
	@echo "make lint        formatting, linting, types, and whether what is generated is up to date"

setup: $(READY)

$(READY): requirements/local.txt
	@bash workflow/setup.sh "$(PYTHON)" $(VENV) requirements/local.txt
	@touch $@

demo: $(READY)
	$(SNAKEMAKE) --configfile config/demo.yaml --report results/demo/report.html --report-after-run
	@$(VENV)/bin/python workflow/scripts/print_summary.py results/demo

base: $(READY)
	$(SNAKEMAKE) models --configfile config/base.yaml
	$(SNAKEMAKE) models --configfile config/base_final.yaml
	@echo "results/base_final/models/base_final.pt is the new base; copy it to resources/hands.pt to ship it"

study: $(READY)
	$(VENV)/bin/python workflow/scripts/pruning_study.py

web: web/node_modules/.package-lock.json
	npm --prefix web run build

web/node_modules/.package-lock.json: web/package-lock.json
	npm --prefix web ci
	@touch $@

test: $(READY)
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile

test-fast: $(READY)
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slurm: $(READY)
	$(VENV)/bin/python tests/slurm/cluster.py install
	$(VENV)/bin/python -m pytest -m slurm

test-envs: $(READY)
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(VENV)/bin/python tests/environment_steps.py "$$folder"

generate: $(READY)
	$(VENV)/bin/python workflow/scripts/generate.py

lint: $(READY)
	$(VENV)/bin/python workflow/scripts/generate.py --check
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PYTHONPATH=workflow/scripts $(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/snakefmt --check Snakefile rules
	$(VENV)/bin/snakemake --lint --configfile config/demo.yaml

# Needs uv (pip install uv). The registry's addresses stay out of the file.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements/local.in -o requirements/local.txt
