# Every target sets up what it needs. Python >= 3.11, make and git are all that must be there.
# Once made, the environment keeps its Python; name another to make it anew.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
PY := .venv/bin/python
PYTEST_WORKERS ?= 2
HOOKTRACE_PORT ?= 4566
SEED ?= 1
export HOOKTRACE_PORT
export PYTHONPATH := .:shared

.PHONY: help setup demo up down deploy status test cover check format bench break soak locks clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: ## virtual environments and Node.js packages, from the locks
	@$(PYTHON) tools/setup.py

demo: setup ## start the local stack and send sample events through it
	@$(PY) -m tools.demo

up: setup ## start the local stack; writes .hooktrace/local.json
	@$(PY) -m tools.local_stack up

down: setup ## stop the local stack and forget its data
	@$(PY) -m tools.local_stack down

deploy: setup ## deploy the code as it is now onto the running local stack
	@$(PY) -m tools.local_stack deploy

status: setup ## what runs, and where
	@$(PY) -m tools.local_stack status

test: setup ## all tests; the emulator and the stack are started by those that need them
	@$(PY) -m pytest -q -n $(PYTEST_WORKERS) --dist loadgroup $(TESTS)

cover: setup ## all tests, with the branches that none of them takes
	@$(PY) -m pytest -q -n $(PYTEST_WORKERS) --dist loadgroup --cov --cov-report term-missing:skip-covered $(TESTS)

check: setup ## lint, format, types, architecture
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(PY) -m pytest -q tests/arch

format: setup ## put the code into its format
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

bench: setup ## count and measure the budgets
	@$(PY) -m bench

break: setup ## break the running local stack on purpose; shows alarms, traces, log lines
	@$(PY) -m tools.break_it

soak: setup ## 5 000 deliveries in fake time with faults, then over real sockets; SEED=7 repeats a run
	@$(PY) -m tests.soak --seed $(SEED) --events 1000
	@$(PY) -m tests.soak_receiver --seed $(SEED) --events 1000

locks: setup ## compile requirements/*.in again
	@tools/compile_locks.sh

clean: ## stop what runs and remove all that was made
	@if [ -x $(PY) ]; then $(PY) -m tools.local_stack down --all; fi
	@rm -rf .venv .local .hooktrace node_modules build cdk.out .pytest_cache .mypy_cache .ruff_cache
