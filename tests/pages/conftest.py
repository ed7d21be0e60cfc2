"""The real browser: where there is none its tests are skipped, and say so; in CI they fail."""

import os

import pytest

from prm_gym.pages import no_browser


@pytest.fixture(scope="session")
def chromium():
    reason = no_browser()
    if reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"NO REAL BROWSER: {reason}")
