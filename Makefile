SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PACKAGES := conf udfs jobs viewer
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: help setup demo view test fast lint types format bench clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: .venv/.installed .venv/.delta ## virtual environment, dependencies and Delta's jars

demo: setup ## the whole flow on sample photos: build/demo
	$(BIN)/facejoin demo --out build/demo

view: setup ## serve the demo's page until Ctrl-C
	$(BIN)/facejoin view build/demo

test: setup .venv/.browser ## every test, slow ones too
	$(BIN)/pytest -q -m "slow or not slow"

fast: setup .venv/.browser ## the tests that take seconds
	$(BIN)/pytest -q

lint: setup ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## static types
	@mkdir -p build/types/facejoin
	@for room in $(PACKAGES); do ln -sfn ../../../$$room build/types/facejoin/$$room; done
	MYPYPATH=build/types $(BIN)/mypy $(PACKAGES:%=-p facejoin.%)

format: setup ## rewrite the code in the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## the comparisons of benchmarks/, with photos where LFW=, WIDER= and NONFACE= name folders of them
	$(BIN)/python benchmarks/manifest.py --out build/benchmarks/manifest.json
ifdef LFW
	$(BIN)/python benchmarks/embed.py --photos $(LFW) --threads 1 --out build/benchmarks/embed.json
	$(BIN)/python benchmarks/pipeline.py --photos $(LFW) --threads 1 --out build/benchmarks/pipeline.json
	$(BIN)/python benchmarks/scoring.py --known $(LFW)/known --unknown $(LFW)/unknown \
		--out build/benchmarks/scoring.json
endif
ifdef WIDER
	$(BIN)/python benchmarks/decode.py --photos $(WIDER) --out build/benchmarks/decode.json
endif
ifneq ($(and $(WIDER),$(NONFACE)),)
	$(BIN)/python benchmarks/detect.py --faces $(WIDER)/images --truth $(WIDER)/truth.json --nonfaces $(NONFACE) \
		--threads 1 --out build/benchmarks/detect.json
endif
ifneq ($(and $(LFW),$(WIDER)),)
	$(BIN)/python benchmarks/memory.py --photos $(LFW) --photos $(WIDER) --out build/benchmarks/memory.json \
		--plot build/benchmarks/memory.png
ifdef NONFACE
	$(BIN)/python benchmarks/nonfaces.py --nonfaces $(NONFACE) --faces $(LFW) --crowds $(WIDER)/images \
		--truth $(WIDER)/truth.json --out build/benchmarks/nonfaces.json
endif
endif

clean: ## everything that can be made again, but not the virtual environment
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache spark-warehouse

.venv/.installed: setup.py
	@java -version 2>&1 | grep -qE 'version "(17|21)' || { echo "Java 17 or 21 is needed: java -version" >&2; exit 1; }
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Beside Spark's own jars, so that every session and every spark-submit of this environment has Delta.
.venv/.delta: conf/delta-ivy.xml .venv/.installed
	jars=$$($(BIN)/python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / "jars")') && \
	java -cp "$$jars/*" org.apache.ivy.Main -warn -ivy conf/delta-ivy.xml -confs default \
		-retrieve "$$jars/[artifact]-[revision].[ext]"
	@touch $@

.venv/.browser: .venv/.installed
	command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y chromium; }
	@touch $@
