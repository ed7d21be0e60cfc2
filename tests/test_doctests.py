"""Every example in a docstring gives what it says, and every module can be imported."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import prm_gym
from prm_gym.errors import MissingExtraError

# Adapters to projects that have an environment of their own (`.ci/integrations`, which imports them): their classes are of classes of that project.
ADAPTERS = {"inspect_tasks": "inspect", "openenv": "openenv", "verifiers_hub": "verifiers"}
ADAPTERS |= dict.fromkeys(("verl", "verl_credit", "verl_loops", "verl_rewards"), "verl")
# What runs inside the sandbox are scripts, which import one another by their bare names.
APART = ("prm_gym.sandbox.inside.",)
MODULES = [
    module for module in pkgutil.walk_packages(prm_gym.__path__, "prm_gym.") if not module.name.endswith("__main__") and not module.name.startswith(APART)
]
WITH_EXAMPLES = [module.name for module in MODULES if ">>> " in Path(module.module_finder.find_spec(module.name).origin).read_text(encoding="utf-8")]


def test_every_module_can_be_imported():
    assert len(MODULES) > 400
    for module in MODULES:
        try:
            importlib.import_module(module.name)
        except MissingExtraError as missing:
            found = missing.extra
        else:
            continue
        assert found == ADAPTERS.get(module.name.removeprefix("prm_gym.integrations."))


def test_the_examples_are_found():
    counts = [len(test.examples) for name in WITH_EXAMPLES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    assert sum(counts) > 20


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert failed == 0
    assert tried > 0
