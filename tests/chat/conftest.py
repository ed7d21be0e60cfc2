"""A server that does what it should."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chat_asking import shout

from prm_gym.testing.chat_server import ChatServer


@pytest.fixture
def quiet():
    with ChatServer(shout) as server:
        yield server
