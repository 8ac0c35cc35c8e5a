SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PACKAGES := $(patsubst %/__init__.py,%,$(wildcard */__init__.py))
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: help setup demo view test test-cluster fast environment lint types format docs lock hooks wheel house bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: .venv/.installed .venv/.delta ## virtual environment, dependencies and Delta's jars

demo: setup ## the whole flow on sample photos: build/demo
	$(BIN)/facejoin demo --out build/demo

view: setup ## serve the demo's page until Ctrl-C
	$(BIN)/facejoin view build/demo

# A processor for each half: networks that compute on all of them beside Spark take five times as long.
TESTED = $(BIN)/pytest -q -m
test: setup .venv/.browser ## every test, slow ones too: those of the jobs with Spark, and beside them the others
	@mkdir -p build; echo "Tests of the jobs with Spark; what the others say, which run beside them, follows"
	@export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1; \
	{ $(TESTED) "not spark and not cluster" || failed=1; \
	  $(TESTED) "spark and not cluster" --ignore tests/jobs || failed=1; exit $${failed:-0}; } \
		> build/tests-beside.log 2>&1 & others=$$!; \
	$(TESTED) "spark and not cluster" tests/jobs || failed=1; \
	wait $$others || failed=1; cat build/tests-beside.log; exit $${failed:-0}

test-cluster: setup build/hadoop/.fetched ## the tests that start clusters: YARN with HDFS, standalone, Spark Connect
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m cluster

fast: setup .venv/.browser ## the tests that take seconds
	$(BIN)/pytest -q

lint: setup ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## static types
	@rm -rf build/types && mkdir -p build/types/facejoin
	@for room in $(PACKAGES); do ln -sfn ../../../$$room build/types/facejoin/$$room; done
	MYPYPATH=build/types $(BIN)/mypy $(PACKAGES:%=-p facejoin.%)
	MYPYPATH=build/types:benchmarks $(BIN)/mypy tests benchmarks docs

format: setup ## rewrite the code in the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

house: setup ## what lies where, and which imports run upward or in circles; COMMITS= are measured beside it
	$(BIN)/python tests/house/structure.py $(COMMITS)

docs: setup ## write docs/reference/ out of the code
	$(BIN)/python docs/generate.py

lock: ## bring requirements.lock in line with setup.py; LOCK=--upgrade takes the newest versions
	@[ -x $(BIN)/uv ] || $(MAKE) setup
	$(BIN)/python -c '$(BUILD_REQUIRES)' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-build-isolation --python $(BIN)/python --custom-compile-command 'make lock' \
		$(LOCK) --extra dev setup.py - --output-file requirements.lock

environment: setup ## build/environment.tar.gz for executors without packages; NODES= is their Python, if it lies elsewhere
	$(BIN)/python -m facejoin.cli.environment build/environment.tar.gz $(NODES)

hooks: setup ## check every commit before it is made
	$(BIN)/pre-commit install

wheel: setup ## dist/facejoin-….whl
	rm -rf build/lib build/bdist.*
	$(BIN)/python -m build --no-isolation --wheel

bench: setup ## the comparisons of benchmarks/, with photos where LFW=, WIDER= and NONFACE= name folders of them
	$(BIN)/python benchmarks/manifest.py --out build/benchmarks/manifest.json
	$(BIN)/python benchmarks/growth.py --photos 100000 --photos 1000000 --photos 10000000 \
		--out build/benchmarks/growth.json
	$(BIN)/python benchmarks/kill.py --out build/benchmarks/kill.json
	$(BIN)/python benchmarks/politeness.py --out build/benchmarks/politeness.json
	$(BIN)/python benchmarks/publish.py --out build/benchmarks/publish.json
ifdef LFW
	$(BIN)/python benchmarks/embed.py --photos $(LFW) --threads 1 --out build/benchmarks/embed.json
	$(BIN)/python benchmarks/pipeline.py --photos $(LFW) --threads 1 --out build/benchmarks/pipeline.json
	$(BIN)/python benchmarks/pipeline.py --photos $(LFW) --threads 1 --detector yunet \
		--out build/benchmarks/pipeline-yunet.json
	$(BIN)/python benchmarks/scoring.py --known $(LFW)/known --unknown $(LFW)/unknown \
		--out build/benchmarks/scoring.json
	$(BIN)/python benchmarks/recognition.py --photos $(LFW) --pairs $(LFW)/pairsDevTest.txt --threads 1 \
		--out build/benchmarks/recognition.json
	$(BIN)/python benchmarks/overlap.py --photos $(LFW) --out build/benchmarks/overlap.json
	$(BIN)/python benchmarks/erasure.py --photos $(LFW) --out build/benchmarks/erasure.json
endif
ifdef WIDER
	$(BIN)/python benchmarks/decode.py --photos $(WIDER) --out build/benchmarks/decode.json
endif
ifneq ($(and $(WIDER),$(NONFACE)),)
	$(BIN)/python benchmarks/detect.py --faces $(WIDER)/images --truth $(WIDER)/truth.json --nonfaces $(NONFACE) \
		--threads 1 --out build/benchmarks/detect.json
	$(BIN)/python benchmarks/detect.py --faces $(WIDER)/images --truth $(WIDER)/truth.json --nonfaces $(NONFACE) \
		--threads 1 --detector yunet --out build/benchmarks/detect-yunet.json
	$(BIN)/python benchmarks/proposals.py --faces $(WIDER)/images --truth $(WIDER)/truth.json --nonfaces $(NONFACE) \
		--threads 1 --out build/benchmarks/proposals.json
endif
ifneq ($(and $(LFW),$(NONFACE)),)
	$(BIN)/python benchmarks/sizes.py --photos $(LFW) --backgrounds $(NONFACE) --out build/benchmarks/sizes.json \
		--plot build/benchmarks/sizes.png
endif
ifneq ($(and $(LFW),$(WIDER)),)
	$(BIN)/python benchmarks/memory.py --photos $(LFW) --photos $(WIDER) --out build/benchmarks/memory.json \
		--plot build/benchmarks/memory.png
	$(BIN)/python benchmarks/memory.py --photos $(LFW) --photos $(WIDER) --detector yunet \
		--out build/benchmarks/memory-yunet.json --plot build/benchmarks/memory-yunet.png
ifdef NONFACE
	$(BIN)/python benchmarks/nonfaces.py --nonfaces $(NONFACE) --faces $(LFW) --crowds $(WIDER)/images \
		--truth $(WIDER)/truth.json --out build/benchmarks/nonfaces.json
	$(BIN)/python benchmarks/nonfaces.py --nonfaces $(NONFACE) --faces $(LFW) --crowds $(WIDER)/images \
		--truth $(WIDER)/truth.json --detector yunet --out build/benchmarks/nonfaces-yunet.json
endif
endif

clean: ## everything that can be made again, but not the virtual environment
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache spark-warehouse

# What make asks Python, before or after anything is installed.
BUILD_REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
IVY_VARIABLES := import runpy; print(*(f"-D{k}={v}" for k, v in runpy.run_path("conf/versions.py").items() if k.isupper()))
SPARK_HOME_OF_VENV := import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)

# Shows that pip is at work: a line for each large download; then, while it unpacks in silence, how far it is.
WATCH = while read -r -t 10 line || [ $$? -gt 128 ]; do case "$$line" in \
	"") echo "  $$(du -sm .venv | cut -f1) MB in .venv" ;; \
	*Downloading*"("[0-9][0-9]*MB")"*) echo "  $${line\#* }" ;; \
	Installing*) echo "  unpacking" ;; esac; done
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
FAILED = { echo "make setup: $(1) failed, see above. What is done is kept: run it again." >&2; exit 1; }

# Backend first: pyspark is published as source alone, and nothing that builds it may come from outside of the lock.
.venv/.installed: setup.py pyproject.toml conf/versions.py requirements.lock $(wildcard */__init__.py)
	@java -version 2>&1 | grep -E 'version "(17|21)' >/dev/null || { echo "Java 17 or 21 is needed: java -version" >&2; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || $(call FAILED,the virtual environment)
	@echo "Installing requirements.lock into .venv (a new one: 4 GB to download, 7.5 GB on disk, mostly torch's CUDA)"
	@awk '/^[a-z]/ { wanted = /^setuptools==/ } wanted' requirements.lock > .venv/build-backend.lock
	@$(PIP) install --quiet --require-hashes --requirement .venv/build-backend.lock || $(call FAILED,the build backend)
	@$(PIP) install --require-hashes --no-build-isolation --progress-bar off --requirement requirements.lock \
		| { $(WATCH); } || $(call FAILED,installing requirements.lock)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable . || $(call FAILED,installing the project)
	@$(PIP) check || { echo "make setup: requirements.lock does not hold what setup.py asks for: make lock" >&2; exit 1; }
	@touch $@

# Beside Spark's own jars, so that every session and every spark-submit of this environment has Delta.
.venv/.delta: conf/delta-ivy.xml conf/versions.py conf/spark-env.sh .venv/.installed
	@echo "Fetching Delta's jars"
	@spark=$$($(BIN)/python -c '$(SPARK_HOME_OF_VENV)'); rm -rf .venv/delta; \
	java $$($(BIN)/python -c '$(IVY_VARIABLES)') -cp "$$spark/jars/*" org.apache.ivy.Main -warn -ivy conf/delta-ivy.xml \
		-confs default -retrieve '.venv/delta/[artifact]-[revision].[ext]' > .venv/ivy.log 2>&1 \
		|| { cat .venv/ivy.log >&2; $(call FAILED,fetching Delta's jars); }; \
	rm -f "$$spark"/jars/{delta,unitycatalog}-*.jar; mv .venv/delta/*.jar "$$spark/jars"; \
	mkdir -p "$$spark/conf"; cp conf/spark-env.sh "$$spark/conf"
	@touch $@

# HDFS and YARN as programs: for the tests of clusters alone, and on no class path of Spark.
build/hadoop/.fetched: tests/cluster/hadoop-ivy.xml .venv/.installed
	@echo "Fetching Hadoop's jars"
	@spark=$$($(BIN)/python -c '$(SPARK_HOME_OF_VENV)'); rm -rf build/hadoop; mkdir -p build/hadoop; \
	client=$$(ls "$$spark"/jars/hadoop-client-api-*.jar); client=$${client##*-}; \
	java -DHADOOP=$${client%.jar} -cp "$$spark/jars/*" org.apache.ivy.Main -warn -ivy tests/cluster/hadoop-ivy.xml \
		-confs default -retrieve 'build/hadoop/[artifact]-[revision].[ext]' > build/hadoop/ivy.log 2>&1 && touch $@ \
		|| { cat build/hadoop/ivy.log >&2; rm -f build/hadoop/*.jar; echo "No Hadoop: its tests will be skipped" >&2; }

.venv/.browser: .venv/.installed
	command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y chromium; }
	@touch $@
