# make run    replays a real recording
# make test   runs the tests, each at its short length
# make stress runs the tests at their full length, and prints their figures
# Each target sets up its own virtual environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTHONS = $(shell .ci/pythons)
RECORDING := chanfitness/recording/samples/lnd-simnet.jsonl

.PHONY: run test stress stressed stressed-longest test-all test-oldest coverage uncovered style types format bench docs man wheel-test releasable prometheus browser clean

run: $(VENV)/installed
	$(BIN)/chanfitness replay $(RECORDING)

# Two processes keep the cores busy while a test waits; one file stays in one process.
IN_TWO = -n 2 --dist loadfile

test: $(VENV)/testable
	$(BIN)/python -m pytest $(IN_TWO)

# All tests on one Python, and in parallel the random threads on each installed Python.
stress: $(VENV)/testable $(PYTHONS:%=.venv-%/testable)
	$(MAKE) -j2 --output-sync stressed stressed-longest $(PYTHONS:%=stressed-%)

LONGEST = tests/interleavings/test_interleavings.py tests/test_soak.py

stressed:
	CHANFITNESS_STRESS=1 $(BIN)/python -m pytest --durations=20 \
		$(LONGEST:%=--ignore=%) --ignore=tests/test_stress.py

stressed-longest:
	CHANFITNESS_STRESS=1 $(BIN)/python -m pytest --durations=20 $(LONGEST)

stressed-%:
	CHANFITNESS_STRESS=1 .venv-$*/bin/python -m pytest tests/test_stress.py

test-all: $(PYTHONS:%=.venv-%/testable)
	set -e; for version in $(PYTHONS); do .venv-$$version/bin/python -m pytest; done

# With the oldest versions that setup.cfg allows, on the oldest installed Python.
test-oldest: .venv-oldest/testable
	.venv-oldest/bin/python -m pytest

# Combined coverage of the newest installed Python and of the oldest with the oldest versions,
# subprocesses included. Use -j2 to run both in parallel.
COVERED = oldest $(lastword $(PYTHONS))

coverage: $(COVERED:%=covered-%) $(VENV)/testable
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

covered-%: .venv-%/testable uncovered
	.venv-$*/bin/python -m coverage run -m pytest $(IN_TWO)

uncovered:
	rm -f .coverage .coverage.*

style: $(VENV)/lintable
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/hadolint contrib/docker/Dockerfile

format: $(VENV)/lintable
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/lintable $(VENV)/testable
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10

# With BENCH="--json", BENCH="--plot docs/growth.svg", or BENCH="--profile".
bench: $(VENV)/plottable
	$(BIN)/python -m benchmarks $(BENCH)

# The pages in docs, with the reference of all public names and options; a warning fails it.
docs: $(VENV)/documentable
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/build
	@echo "the pages: file://$(CURDIR)/docs/build/index.html"

# A man page, and completion for two shells, of the parser that the command uses.
PARSER = chanfitness.commands.arguments
man: $(VENV)/documentable
	mkdir -p docs/build
	$(BIN)/argparse-manpage --module $(PARSER) --function make_parser --prog chanfitness \
		--project-name chanfitness --manual-title chanfitness --output docs/build/chanfitness.1
	$(BIN)/shtab --shell=bash $(PARSER).make_parser > docs/build/chanfitness.bash
	$(BIN)/shtab --shell=zsh $(PARSER).make_parser > docs/build/_chanfitness
	@echo "docs/build: chanfitness.1, chanfitness.bash, _chanfitness"

# Tests that find a wheel's missing parts: commands, data files, entry points, extras.
OF_A_WHEEL = tests/commands tests/web tests/nodes/cln/test_plugin.py tests/test_exporter.py \
	tests/test_package.py tests/test_testing.py

# Tests a wheel built from the sdist, checks its metadata, and resolves each extra. The tests are
# the sdist's, without the package beside them, so that they import the wheel.
wheel-test: $(VENV)/testable $(VENV)/lintable
	rm -rf dist .venv-wheel
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install -q "$$(echo dist/*.whl)[test]"
	mkdir .venv-wheel/outside
	tar -xf dist/*.tar.gz -C .venv-wheel/outside --strip-components=1
	rm -r .venv-wheel/outside/chanfitness*
	cd .venv-wheel/outside && ../bin/python -m pytest $(IN_TWO) $(OF_A_WHEEL)
	.venv-wheel/bin/python .ci/extras dist/*.whl

# Fails, and lists what is missing, if the wheel is not ready to publish: contrib/release.md.
releasable: wheel-test
	.ci/releasable dist/*.whl

# Tests that need Prometheus are skipped without it.
prometheus:
	.ci/prometheus

# Tests of the page that need a browser are skipped without it.
browser:
	.ci/browser

$(VENV)/installed: setup.cfg setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/testable: $(VENV)/installed
	$(BIN)/pip install -q -e ".[test]"
	touch $@

$(VENV)/documentable: $(VENV)/installed
	$(BIN)/pip install -q -e ".[docs]"
	touch $@

$(VENV)/lintable: $(VENV)/installed
	$(BIN)/pip install -q -e ".[lint]"
	touch $@

$(VENV)/plottable: $(VENV)/installed
	$(BIN)/pip install -q -e ".[bench]"
	touch $@

.venv-oldest/testable: setup.cfg setup.py .ci/lower-bounds
	"$$(.ci/pythons $(firstword $(PYTHONS)))" -m venv .venv-oldest
	$(PYTHON) .ci/lower-bounds > .venv-oldest/bounds.txt
	.venv-oldest/bin/pip install -q -e ".[test]" -c .venv-oldest/bounds.txt
	touch $@

.venv-%/testable: setup.cfg setup.py
	"$$(.ci/pythons $*)" -m venv .venv-$*
	.venv-$*/bin/pip install -q -e ".[test]"
	touch $@

clean:
	rm -rf .venv .venv-* docs/build .browser .prometheus .prometheus.new build dist *.egg-info .coverage .coverage.* .*_cache .hypothesis
