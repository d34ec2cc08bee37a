# Every command sets itself up first: a bare clone needs Python 3.10 to 3.13 and Java 17, nothing else.
# A second call re-does nothing. CI and pre-commit call these same targets.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
# Tests that share a lake or a frame stay together on one worker, all others go where there is room. What Python has
# compiled once is kept, whatever the environment says: the processes that tests start would compile it a hundred times.
# STORE=http://host:port is an object store of yours to test with, instead of SeaweedFS, STORE=gs://bucket one
# in Google's Cloud Storage, and STORE=azurite Azure's emulator.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist loadgroup $(if $(STORE),--store-at=$(STORE))
# What is in which part: clickstream_platform_tests/parts.py. The fast one first, as it says soonest what is wrong.
PARTS := fast wide conformance property kill kafka store runs upkeep engine spark
# As `make test` runs them. Those of a line share two SparkSessions, which are quicker the longer they are used, and no
# worker waits for the other at the end of each part.
TOGETHER := fast wide \
	conformance,property,runs,upkeep,engine,spark \
	kill,kafka,store
ON_STORE ?= engine upkeep spark runs kill
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.10 \
	--generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links

# The first that runs, is new enough and can make environments; 3.11 is the one tested.
# Set PYTHON to choose another: make setup PYTHON=/opt/python3.12/bin/python3
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.10; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-kafka cluster-demo test test-on-store soak hosts races kills check jar pin lock dev $(PARTS:%=test-%)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make .venv, install the lock file, fetch the Spark jars
	@$(BIN)/python -m clickstream_platform.prepare

demo: setup ## 50,000 events, good and bad, become Delta tables; then compare them with their queries
	@$(BIN)/clickstream demo

demo-kafka: setup ## the same through a Kafka broker of its own, without Docker
	@CLICKSTREAM_HOME=.clickstream/kafka-demo $(BIN)/clickstream demo --kafka

# On a real master and two workers with the lake on a real object store, each a process, in a home that is gone
# afterwards. Ctrl-C ends all of them.
cluster-demo: setup
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT INT TERM && CLICKSTREAM_HOME="$$home" $(BIN)/clickstream demo --cluster --store

test: setup ## all tests, part after part; one part alone: make test-spark, test-kafka, see CONTRIBUTING.md
	@for parts in $(TOGETHER); do echo "tests, $$parts ..."; begun=$$(date +%s); $(PYTEST) --part=$$parts || exit 1; \
		echo "$$parts took $$(($$(date +%s) - begun)) s, all in all"; done

test-fast: $(STAMP) ## the tests that need no JVM
	@$(PYTEST) --part=fast

$(patsubst %,test-%,$(filter-out fast,$(PARTS))): test-%: setup
	@$(PYTEST) --part=$*

# What a lake is asked on a folder, asked of one on an object store: SeaweedFS on this machine.
test-on-store: setup
	@for part in $(ON_STORE); do echo "tests, part $$part, lakes on a store ..."; $(PYTEST) --part=$$part --lake=store || exit 1; done

soak: setup ## 45 minutes of new random scenarios and kills; MINUTES=5 for fewer
	@$(BIN)/python -m clickstream_platform_tests.soak --minutes $(or $(MINUTES),45)

# Network namespaces as hosts, so root, on Linux. Each fault once; TIMES=3 for more.
hosts: setup
	@$(BIN)/python -m clickstream_platform_tests.hosts --times $(or $(TIMES),1)

# Two drivers at one lake on a store without a lease, one of them killed in every second round; ROUNDS=5 for fewer.
races: setup
	@$(BIN)/python -m clickstream_platform_tests.races --rounds $(or $(ROUNDS),50)

# A driver, a worker of a cluster or the store is killed in each round, in the midst of a run; ROUNDS=5 for fewer.
kills: setup
	@$(BIN)/python -m clickstream_platform_tests.kills --rounds $(or $(ROUNDS),100)

check: $(STAMP) ## ruff and pyright: style, formatting, types
	@echo "ruff ..."
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo "pyright ..."
	@$(BIN)/pyright --pythonpath $(BIN)/python

# Our Java classes, after a change in java/: needs a javac 17. What it prints is OWN_SHA256 of jvm/store.py.
jar: setup
	@$(BIN)/python java/build.py clickstream_platform/jvm/put_if_absent.jar

# The digests of the images that are not built here, as their registries have them now: docker/README.md.
pin: $(STAMP)
	@$(BIN)/python docker/pin.py

lock: $(STAMP) ## choose the newest versions within the bounds of pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) pyproject.toml --group dev --upgrade --output-file requirements.lock
	@$(COMPILE) pyproject.toml docker/requirements.in --constraints requirements.lock --output-file docker/requirements.lock

# There is no defs.yaml to be checked: looking for some loads every component that is installed, with their warnings.
dev: setup ## Dagster's web interface and daemon; history stays in .dagster_home, or where DAGSTER_HOME says
	@grep -qs '^ *DAGSTER_HOME=' .env || export DAGSTER_HOME="$${DAGSTER_HOME:-$(CURDIR)/.dagster_home}"; $(BIN)/dg dev --no-check-yaml

# The lock file is complete, so pip need not resolve (--no-deps), and it checks every hash.
# pyspark is built from its source archive, which takes setuptools in a build environment of its own.
$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "python: no Python 3.10 to 3.13 that can make environments was found;" \
		"install python3.11 (on Debian with python3.11-venv), or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "creating $(VENV) with $$($(PYTHON) --version) ..."; $(PYTHON) -m venv $(VENV); }
	@df -Pk . | awk 'NR == 2 && $$4 < 3000000 { print "$(VENV): " int($$4 / 1000) " MB of disk are free," \
		" it needs 3000 MB; free some, or clone to another disk"; exit 1 }' >&2
	@echo "installing the lock file into $(VENV) (1.7 GB, 1-5 minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
