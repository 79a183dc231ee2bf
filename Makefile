# Mailweir: what people run. `make help` lists it.
PY ?= $(shell sh infra/python.sh)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Each run has a temporary folder of its own, as two runs at once would remove each other's; it stays when tests failed.
PYTEST = root=$$(mktemp -d -t mw-XXXXXX) && PYTEST_DEBUG_TEMPROOT=$$root $(BIN)/python -m pytest
TIDY = && rm -rf $$root
# So many test files run side by side, each with components of its own where it needs any.
N := 2
PARALLEL = -n $(N) --dist loadfile
# One more where a test waits for processes as much as it computes, in the order of tests/integration/conftest.py.
BESIDE = -n $$(($(N) + 1)) --dist loadfile --no-loadscope-reorder
CODE := services infra tests benchmarks
.DEFAULT_GOAL := help
.PHONY: help setup demo bytecode assets compiled components test unit contract integration e2e lint format schemas pins fuzz bench scenarios chaos up down

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) bytecode assets compiled  ## environment in .venv, the console's files, the parser compiled, .env and secrets for docker compose
	@$(BIN)/python -m infra.setup

$(STAMP): requirements/dev.txt pyproject.toml
	@py="$(PY)" && echo "Python: $$py (for another one: rm -r $(VENV) && make setup PY=/path/to/python)" \
	&& "$$py" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PY=/path/to/python")' \
	&& "$$py" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) bytecode  ## a real IMAP server with sample mail, retrieved and shown; needs Python only
	@$(BIN)/mailweir demo

bytecode: $(STAMP)  # commands start in half the time, also where Python may write no bytecode of its own
	@$(BIN)/python -m compileall -q services infra

assets: $(STAMP)  ## the console's style sheet and scripts, from pinned npm packages
	@$(BIN)/python -m infra.assets

compiled: $(STAMP)  ## the parser as machine code, where a C compiler is (one minute); else it runs interpreted
	-@$(BIN)/python -m infra.compiled

test: unit contract integration e2e  ## all four levels; sets up the real components it needs

unit: $(STAMP) bytecode compiled  ## no network, no sleeping; the parser in both forms
	$(PYTEST) tests/unit $(PARALLEL) -q $(TIDY)
	export MAILWEIR_INTERPRETED=1 && $(PYTEST) tests/unit/parser $(PARALLEL) -q $(TIDY)

contract: $(STAMP) bytecode  ## schemas, examples, asyncapi, ports on fakes and real
	$(PYTEST) tests/contract -q $(TIDY)

components: $(STAMP) bytecode assets compiled
	$(BIN)/python -m infra.local install

integration: components  ## real Kafka, Postgres, MinIO, Dovecot
	$(PYTEST) tests/integration $(BESIDE) -q $(TIDY)

e2e: components  ## mail in, topics, rows and objects out; embedded and stack
	$(PYTEST) tests/e2e -q $(TIDY)

lint: $(STAMP)  ## ruff, mypy strict, import-linter, module sizes
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m infra.lint

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

schemas: $(STAMP)  ## write schemas/ from the Structs
	$(BIN)/python -m services.common.contract.schemas schemas

pins: $(STAMP)  ## resolve requirements/*.in to exact pins with hashes (needs uv)
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/base.in -o requirements/base.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/compiled.in -o requirements/compiled.txt

scenarios: $(STAMP)  ## every scripted IMAP server through the real commands (ten minutes)
	$(BIN)/python -m tests.integration.poller.command_plays

fuzz: $(STAMP) compiled  ## 100,000 damaged messages through the parser (two minutes)
	$(BIN)/python -m benchmarks.fuzz_parser

bench: components  ## what is promised of speed and memory, as ratios taken in one run
	$(BIN)/python -m benchmarks

chaos: components  ## faults on the whole stack: outages, kills, halts, full disks; needs root and 15 minutes
	$(BIN)/python -m tests.e2e.chaos

up: $(STAMP) bytecode assets compiled  ## the whole stack in containers
	@$(BIN)/python -m infra.setup --before-up
	docker compose up --build --wait

down:  ## stop it
	docker compose down
