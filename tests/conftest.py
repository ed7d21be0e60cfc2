"""Settings of all tests."""

import functools
import os
from importlib.util import find_spec

import pytest

# One thread a test process: two runners on two cores would else fight over them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Environments and verifiers that need a package which the core does without: their cases are skipped, with the reason, where it is not installed.
PACKAGES = {"prm_gym/MCP-v0": "mcp", "prm_gym/MiniWoB-v0": "miniwob", "prm_gym/ReasoningGym-v0": "reasoning_gym", "reasoning_gym": "reasoning_gym"}
IN_A_BROWSER = {"page_tests", "prm_gym/MiniWoB-v0", "prm_gym/PageBuilding-v0"}


def pytest_collection_modifyitems(items):
    for item in items:
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        for package in sorted({PACKAGES[value] for value in values if isinstance(value, str) and value in PACKAGES}):
            if find_spec(package) is None:
                item.add_marker(pytest.mark.skip(reason=f"the package {package} is not installed"))
        if any(isinstance(value, str) and value in IN_A_BROWSER for value in values) and (missing := _missing_browser()) and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason=f"NO REAL BROWSER: {missing}"))


@functools.cache
def _missing_browser() -> str:
    """Why no real browser can be driven here; empty where one can."""
    if find_spec("playwright") is None:
        return "the package playwright is not installed"
    from prm_gym.browser import find_browser

    return find_browser().reason
