# Tallygate: one command each. `make` lists them.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.14 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
STAMP := .venv/setup.done
PROMETHEUS := .venv/prometheus

# Where it is set, each process that starts compiles all that it imports: a gateway takes three times the CPU.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup prometheus chromium screenshots demo demo-llm run stop test test-unit streams schemathesis asyncapi clients fuzz-answers \
	chaos chaos-long histories check format lock sbom advisories bench clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## install the locked dependencies into .venv (instant when nothing changed)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; on Debian or Ubuntu: sudo apt-get install -y python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing."; \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q $(notdir $(PYTHON))-venv; } || { \
		echo "Install it; on Debian or Ubuntu: sudo apt-get install -y $(notdir $(PYTHON))-venv" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing the locked dependencies into .venv ..."
	@$(BIN)/python -m pip install --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -e .
	@touch $(STAMP)

# Unpacked and not installed: Debian's package would start a server of its own.
prometheus: setup ## unpack Debian's Prometheus below .venv, for the tests of rules and dashboards
	@command -v promtool >/dev/null && command -v prometheus >/dev/null || test -x $(PROMETHEUS)/usr/bin/promtool || { \
		echo "Unpacking Prometheus into $(PROMETHEUS) ..."; \
		rm -rf $(PROMETHEUS) && mkdir -p $(PROMETHEUS) && cd $(PROMETHEUS) && \
		{ apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; } && \
		dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb; } || { \
		echo "Prometheus could not be had, so its tests are skipped; on Debian or Ubuntu: sudo apt-get update && make prometheus" >&2; }

test: prometheus

demo: setup ## a guided tour of everything, on this machine, with nothing else needed
	@exec $(BIN)/python -m deploy.local.tour

demo-llm: setup ## a real small language model answers through the whole path (compiles llama.cpp once)
	@exec $(BIN)/python -m deploy.local.demo_llm

run: setup ## run broker, database and all services; Ctrl-C stops them
	@exec $(BIN)/python -m deploy.local run

stop: setup ## stop what runs here
	@$(BIN)/python -m deploy.local down

# Together, not one kind after the other: tests that only calculate run while others wait for a process.
test: setup chromium ## run all tests, in three processes
	@$(BIN)/python -m pytest -n 3

# For the tests of the console, which say how to get it where it is missing.
chromium:
	@for name in $$BROWSER_TESTS_CHROMIUM chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name >/dev/null && exit 0; done; \
	test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || { apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; } || true

screenshots: setup chromium ## take the pictures of the console anew (docs/images/console-*.png)
	@$(BIN)/python -m pytest tests/browser/test_screenshots.py --screenshots

# Those that start nothing: what else they run on is a mark.
UNIT_TESTS := tests/unit tests/contract tests/fuzz tests/kafka tests/histories tests/stores

test-unit: setup ## run the tests that need no broker and no database
	@$(BIN)/python -m pytest -n 2 -m "not real_kafka and not real_postgres" $(UNIT_TESTS)

STREAMS ?= 1000

streams: setup ## stream many answers at once, of which a third break in ten ways; STREAMS=1000
	@MIXED_STREAMS=$(STREAMS) $(BIN)/python -m pytest tests/integration/streams/test_many.py

EXAMPLES ?= 100

asyncapi: setup ## AsyncAPI's own parser on docs/asyncapi.json (needs Node.js; fetched once)
	@cd tests/contract/asyncapi && { test -d node_modules || npm ci --no-audit --no-fund --ignore-scripts --silent; }
	@node tests/contract/asyncapi/check.js docs/asyncapi.json

schemathesis: setup ## hold a gateway to its OpenAPI document, all checks, all phases; EXAMPLES=100 for each operation
	@SCHEMATHESIS_PHASES=examples,coverage,fuzzing,stateful SCHEMATHESIS_EXAMPLES=$(EXAMPLES) \
		$(BIN)/python -m pytest --timeout 7200 tests/integration/test_openapi.py

clients: setup ## run the official SDKs and other clients, unmodified, over every surface and kind of endpoint
	@$(BIN)/python -m tests.clients

SEEDS ?= 1 2 3

chaos: setup ## prove that nothing is lost: 28 faults under load, once for each of SEEDS="1 2 3"
	@for seed in $(SEEDS); do $(BIN)/python -m tests.chaos --seed $$seed || exit 1; done

chaos-long: setup ## the same for 30 minutes, a fault every 15 seconds, and memory over time
	@$(BIN)/python -m tests.chaos --minutes 30 --fault-every 15

histories: SEEDS = 1-20000
histories: setup ## search for what breaks the promise: thousands of histories in simulated time, SEEDS="1-20000"
	@$(BIN)/python -m tests.histories $(SEEDS)

ANSWERS ?= 100000

fuzz-answers: setup ## whatever an endpoint may send, by a grammar, ANSWERS=100000
	@$(BIN)/python -m tests.fuzz.answers $(ANSWERS)

check: setup ## format, lint, types, layers, and the generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m services asyncapi --check docs/asyncapi.json
	$(BIN)/python -m services documents --check docs
	$(BIN)/python -m deploy.supply.sbom --check
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: setup ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## pin all dependencies anew (needs uv)
	uv pip compile --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --python-platform linux --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.lock pyproject.toml -o deploy/docker/requirements.lock
	$(BIN)/python -m deploy.supply.sbom

sbom: setup ## write the bill of materials of the image (deploy/docker/sbom.cdx.json)
	@$(BIN)/python -m deploy.supply.sbom

advisories: setup ## ask whether advisories are known of the image's packages (needs the network)
	@$(BIN)/python -m deploy.supply.advisories

bench: setup ## measure latency, throughput and CPU against the budgets; PEERS=1: beside other gateways; HOSTILE=1: beside a hostile tenant
	@$(BIN)/python -m benchmarks$(if $(HOSTILE),.hostile)$(if $(PEERS), --peers)

clean: ## stop what runs here; delete the data, the environment and all caches
	@test ! -x $(BIN)/python || $(BIN)/python -m deploy.local clean
	rm -rf .venv *.egg-info build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
