"""The real browser: where there is none its tests are skipped, and say so; in CI they fail."""

import os

import pytest


@pytest.fixture(scope="session")
def chromium():
    try:
        from prm_gym.browser import find_browser

        found = find_browser()
        missing = "" if found.path else found.reason
        import playwright.async_api  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        missing = str(error)
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"NO REAL BROWSER: {missing}")
