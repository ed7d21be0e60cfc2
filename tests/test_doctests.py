"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import prm_gym

# What runs inside the sandbox are scripts, which import one another by their bare names.
APART = ("prm_gym.sandbox.inside.",)
MODULES = [
    module.name for module in pkgutil.walk_packages(prm_gym.__path__, "prm_gym.") if not module.name.endswith("__main__") and not module.name.startswith(APART)
]


def test_the_examples_are_found():
    counts = [len(test.examples) for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    assert sum(counts) > 20


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
