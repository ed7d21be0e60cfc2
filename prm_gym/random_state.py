"""Random generators that can be had again: their states as text, and seeds that are derived from what they are for."""

import hashlib
import json
from typing import Any

import numpy as np

from prm_gym.errors import ContractError


def random_state_of(generator: np.random.Generator) -> str:
    """The state of a generator, as JSON text."""
    return json.dumps(generator.bit_generator.state)


def generator_of(random_state: str) -> np.random.Generator:
    """A generator in the state that `random_state_of` gave.

    Raises:
        ContractError: it cannot be read.
    """
    try:
        state = json.loads(random_state)
        kind = getattr(np.random, state["bit_generator"])
        if not (isinstance(kind, type) and issubclass(kind, np.random.BitGenerator)):  # a state may come from anywhere, and this calls what it names
            raise ValueError(f"{state['bit_generator']!r} is no bit generator")
        bits: Any = kind()
        bits.state = state
        return np.random.Generator(bits)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContractError(f"this is no random state: {type(error).__name__}: {error}") from error


def derived_seed(*parts: int | str) -> int:
    """A seed in [0, 2^62) that depends on all of the parts and on their order."""
    digest = hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 2
