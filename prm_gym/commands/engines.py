"""What the commands share that can be done by several engines: `--engine`, `--workers`, `--ray-address`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout

from prm_gym.engines import Engine, make_engine


@contextmanager
def engine_of(spec: str, workers: int, ray_address: str) -> Generator[Engine]:
    """The engine that a command was given, while the work lasts.

    What libraries print meanwhile goes to standard error (Ray tells of lost workers on standard output): standard output is for the command's answer.
    """
    with redirect_stdout(sys.stderr), make_engine(spec, workers, ray_address) as engine:
        yield engine
