"""Settings of all tests."""

import functools
import gc
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

# One thread a test process: two runners on two cores would else fight over them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Environments and verifiers that need a package which the core does without: their cases are skipped, with the reason, where it is not installed.
PACKAGES = {
    "prm_gym/MCP-v0": "mcp",
    "prm_gym/MiniWoB-v0": "miniwob",
    "prm_gym/ReasoningGym-v0": "reasoning_gym",
    "remote": "uvicorn",
    "reasoning_gym": "reasoning_gym",
    "confidence": "transformers",
    "implicit": "transformers",
    "prm": "transformers",
}
BROWSER_TESTS = Path(__file__).parent / "browser"
CONTRACTS = Path(__file__).parent / "contracts"
IN_A_BROWSER = {"page_tests", "prm_gym/MiniWoB-v0", "prm_gym/PageBuilding-v0"}


def pytest_addoption(parser):
    parser.addoption(
        "--at-most",
        type=int,
        metavar="K",
        help="of every test function at most K cases, from the first to the last; in tests/contracts all, which are one for every part",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect without collecting garbage: tests of everything are hundreds of thousands of objects, which all stay, and were looked through again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


_found = functools.cache(find_spec)


def pytest_collection_modifyitems(config, items):
    sweeps = [] if os.environ.get("PRM_GYM_SWEEPS") else [item for item in items if item.get_closest_marker("sweep")]
    if sweeps:
        config.hook.pytest_deselected(items=sweeps)
        items[:] = [item for item in items if not item.get_closest_marker("sweep")]
    if most := config.getoption("--at-most"):
        kept = _spread(items, most)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]
    for item in items:
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        for package in sorted({PACKAGES[value] for value in values if isinstance(value, str) and value in PACKAGES}):
            if _found(package) is None:
                item.add_marker(pytest.mark.skip(reason=f"the package {package} is not installed"))
        if _needs_a_browser(item, values) and (missing := _missing_browser()) and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason=f"NO REAL BROWSER: {missing}"))


def _spread(items, most: int) -> set[pytest.Item]:
    """At most so many cases of every test function, from the first to the last; all of the contracts, of which each case tries another part of ours."""
    cases: dict[object, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(item if item.path.parent == CONTRACTS else getattr(item, "function", item), []).append(item)
    kept = ((each, min(most, len(each))) for each in cases.values())
    return {each[place * (len(each) - 1) // max(1, count - 1)] for each, count in kept for place in range(count)}


@pytest.fixture(scope="session")
def chromium():
    """A real browser can be driven: where there is none, what asks for this is skipped, and says so; in CI it fails."""
    if missing := _missing_browser():
        pytest.fail(f"NO REAL BROWSER: {missing}")


@pytest.fixture(scope="module")
def browser(chromium):
    """A headless Chromium that Playwright drives; tests open contexts of their own in it."""
    from playwright.sync_api import sync_playwright

    from prm_gym.browser import find_browser

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=find_browser().path, args=["--no-sandbox"])
        yield found
        found.close()


def _needs_a_browser(item, values):
    in_one = "chromium" in getattr(item, "fixturenames", ()) or item.path.parent == BROWSER_TESTS
    return in_one or any(isinstance(value, str) and value in IN_A_BROWSER for value in values)


@functools.cache
def _missing_browser() -> str:
    """Why no real browser can be driven here; empty where one can."""
    for package in ("playwright", "uvicorn"):
        if find_spec(package) is None:
            return f"the package {package} is not installed"
    from prm_gym.browser import find_browser

    return find_browser().reason
