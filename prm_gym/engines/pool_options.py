"""How a pool of actors is made, and how it is asked."""

import math

import msgspec

from prm_gym.errors import OptionError


class PoolOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a pool of actors is made, and how it is asked; see `RayVerifier`."""

    actors: int = 2
    name: str = ""
    cpus: float = 0.0
    gpus: float = 0.0
    chunk_steps: int = 64
    chunk_mb: float = 4.0
    batch_steps: int = 256
    in_flight: int = 2
    retries: int = 3
    start_seconds: float = 300.0
    idle_seconds: float = 600.0
    address: str = ""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            OptionError: one of them is out of range.
        """
        for option in ("actors", "chunk_steps", "batch_steps", "in_flight"):
            if type(value := getattr(self, option)) is not int or value < 1:
                raise OptionError(f"{option} of a pool is a whole number of at least 1, got {value!r}")
        if type(self.retries) is not int or self.retries < 0:
            raise OptionError(f"retries of a pool is a whole number of at least 0, got {self.retries!r}")
        for option, least in (("cpus", 0.0), ("gpus", 0.0), ("chunk_mb", 1e-3), ("start_seconds", 1e-3), ("idle_seconds", 1.0)):
            if not isinstance(value := getattr(self, option), int | float) or not least <= value < math.inf:
                raise OptionError(f"{option} of a pool is a number of at least {least:g}, got {value!r}")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise OptionError(f"gpus of a pool is a fraction of one or a whole number, got {self.gpus!r}")
