"""Servers on the loopback interface."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what the processes of a server import too


@pytest.fixture(scope="package")
def server():
    """Several environments, with solutions told, and verifiers."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    from prm_gym.serving.offer import Limits, Offer
    from prm_gym.serving.server import Server

    offer = Offer.of(
        ["prm_gym/Deduction-v0", "prm_gym/Countdown-v0", "prm_gym/PythonTool-v0", "prm_gym/Shop-v0"],
        client_options=["difficulty"],
        verifiers=["z3", "arithmetic", "numbers=sequence(arithmetic, reachable)"],
        limits=Limits(sessions=32),
        solutions=True,
    )
    with Server(offer, port=0) as running:
        yield running


@pytest.fixture(scope="package")
def moody():
    """An environment that hangs and crashes, under short limits and without solutions."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    from served_worlds import WORLD

    from prm_gym.serving.offer import Limits, Offer
    from prm_gym.serving.server import Server

    limits = Limits(sessions=4, session_envs=4, request_seconds=3.0, body_bytes=1 << 16, body_seconds=0.5, verify_steps=8, snapshot_bytes=4096)
    offer = Offer.of([WORLD], env_options={"goal": 6}, client_options=["pause", "colour=red,blue,grey"], verifiers=["arithmetic"], limits=limits)
    with Server(offer, port=0) as running:
        yield running
