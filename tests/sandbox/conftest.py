"""The sandbox's tests find `attack_suite`."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _suite(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
