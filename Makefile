# Every target sets up what it needs; each works twice in a row, and offline once the packages are there.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JARS   := tests/kafka/broker/target/jars
PEERS  := bench/.venv-peers
NANNYML := bench/.venv-nannyml

.DEFAULT_GOAL := help
.PHONY: help setup broker demo example test test-fast lint format schemas lock clean
.PHONY: bench-throughput bench-detection bench-decisions profile chaos

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.installed ## virtual environment from the lock file

$(VENV)/.installed: requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

broker: $(JARS)/.installed ## Apache Kafka's jars, for the tests

$(JARS)/.installed: tests/kafka/broker/pom.xml
	cd tests/kafka/broker && mvn --batch-mode --quiet dependency:copy-dependencies -DoutputDirectory=target/jars
	@touch $@

demo: setup ## a year of bundled car loans through the nine steps of the retraining cycle
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/car_loan/cycle.sh out/demo

test: lint ## every test; those of Kafka on a real Apache Kafka
	@if command -v mvn >/dev/null && command -v java >/dev/null; then $(MAKE) --no-print-directory broker; fi
	$(BIN)/pytest -n 2 --dist loadgroup

test-fast: setup ## the tests that need no broker
	$(BIN)/pytest -m "not kafka"

bench-throughput: setup broker $(PEERS)/.installed ## events/s beside the peers, and docs/performance.md (ONLY=floor,worker EVENTS=100000 for less)
	$(BIN)/python -m bench.throughput $(if $(ONLY),--only $(ONLY)) $(if $(EVENTS),--events $(EVENTS))

$(PEERS)/.installed: bench/requirements-peers.txt
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r bench/requirements-peers.txt
	@touch $@

$(NANNYML)/.installed: bench/requirements-nannyml.txt
	$(BIN)/python -m venv $(NANNYML)
	$(NANNYML)/bin/pip install --quiet --disable-pip-version-check -r bench/requirements-nannyml.txt
	@touch $@

bench-detection: setup $(NANNYML)/.installed ## detectors against their targets and River's, and docs/scorecard.md (ONLY=delay,car_loan SCALE=0.05 for less)
	$(BIN)/python -m bench.detection $(if $(ONLY),--only $(ONLY)) $(if $(SCALE),--scale $(SCALE))

bench-decisions: setup ## retraining policies against the best in hindsight, and docs/scorecard.md
	$(BIN)/python -m bench.decisions

profile: setup broker $(PEERS)/.installed ## what each stage of a worker costs, and docs/performance.md
	$(BIN)/python -m bench.profile

chaos: setup broker ## kill brokers and workers while events come, and compare (SEEDS=20 FIRST_SEED=1 WRITE=docs/reliability.md)
	$(BIN)/python -m tests.chaos.run $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST_SEED),--first-seed $(FIRST_SEED)) $(if $(WRITE),--write $(WRITE))

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## ruff, mending
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: setup ## write schemas/published and docs/monitor-file.md anew
	$(BIN)/streamgauge schema export --out schemas/published
	$(BIN)/python -c 'from schemas.monitor_file import monitor_file; print(monitor_file())' > docs/monitor-file.md

lock: ## resolve the lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/runtime.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/dev.lock
	grep -oE '^[a-z][^ ]*==[^ ;]+' requirements/dev.lock > requirements/.pins
	echo 'hatchling>=1.27,<2' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/.pins -o requirements/build.lock
	rm requirements/.pins

clean: ## what the targets made, environment and jars excepted
	rm -rf out examples/*/archive .pytest_cache .mypy_cache .ruff_cache .hypothesis
