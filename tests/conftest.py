"""Settings of all tests."""

import os
from functools import cache
from importlib.util import find_spec

import pytest

# One thread a test process: two runners on two cores would else fight over them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Environments and verifiers that need a package which the core does without: their cases are skipped, with the reason, where it is not installed.
PACKAGES = {"prm_gym/MCP-v0": "mcp", "prm_gym/ReasoningGym-v0": "reasoning_gym", "reasoning_gym": "reasoning_gym"}

# Those that need a browser; in CI they fail where there is none.
BROWSER = {"prm_gym/PageBuilding-v0", "page_tests"}


def pytest_collection_modifyitems(items):
    for item in items:
        values = list(item.callspec.params.values()) if hasattr(item, "callspec") else []
        for package in sorted({PACKAGES[value] for value in values if isinstance(value, str) and value in PACKAGES}):
            if find_spec(package) is None:
                item.add_marker(pytest.mark.skip(reason=f"the package {package} is not installed"))
        if not os.environ.get("CI") and any(isinstance(value, str) and value in BROWSER for value in values) and (reason := _no_browser()):
            item.add_marker(pytest.mark.skip(reason=f"NO REAL BROWSER: {reason}"))


@cache
def _no_browser():
    from prm_gym.pages import no_browser

    return no_browser()
