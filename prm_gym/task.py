"""Task: what an episode is about, with the part that only verifiers may see; and Origin: how it began."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from gymnasium.utils.seeding import np_random

from prm_gym.random_state import random_state_of


class Task(msgspec.Struct, frozen=True, gc=False):
    """One problem.

    Attributes:
        key: same task, same key, in any process (see `content_key`).
        instructions: how an action is written, for a person or a language model.
        question: the problem itself, in text; public.
        sealed: what only verifiers (and scripted solvers) may see: gold answers, labels. JSON values.
        metadata: public facts about the task: difficulty, depth, rank. JSON values.
    """

    key: str
    instructions: str
    question: str
    sealed: dict[str, Any] = {}
    metadata: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """What kind of task it is, for tables of results by kind; empty where the environment names none.

        Not for the agent: a kind may tell that a task cannot be done, and is sealed then.
        """
        return str(self.sealed.get("kind", self.metadata.get("kind", "")))


class Origin(msgspec.Struct, frozen=True, gc=False):
    """How an episode began: what an environment of the same class and options needs to begin it once more (`StepEnv.rewind`).

    Attributes:
        random_state: of the generator before the task was drawn. JSON text.
        options: what was given to `reset`. JSON values.
    """

    random_state: str
    options: dict[str, Any] = {}

    @classmethod
    def of_seed(cls, seed: int, options: Mapping[str, Any] | None = None) -> "Origin":
        """The beginning that `reset(seed=seed)` gives.

        Args:
            seed: of `reset`.
            options: of `reset`.
        """
        return cls(random_state_of(np_random(seed)[0]), dict(options or {}))

    @classmethod
    def of_generator(cls, generator: np.random.Generator, options: Mapping[str, Any] | None = None) -> "Origin | None":
        """The beginning that a generator gives from where it stands; None where the options are no JSON values.

        Args:
            generator: before anything is drawn.
            options: of `reset`.
        """
        if options:
            try:
                msgspec.msgpack.encode(options)
            except (TypeError, ValueError, OverflowError):
                return None
        return cls(random_state_of(generator), dict(options or {}))


def content_key(*parts: str | bytes) -> str:
    """A short key of the parts: equal parts, equal key; 128 bits of BLAKE2b in hexadecimal.

    Parts are framed by their length, so that ("ab", "c") and ("a", "bc") differ.
    """
    return framed_key(b"".join(map(framed, parts)))


def framed(part: str | bytes) -> bytes:
    """A part of a content key: its length in eight bytes, then its bytes. Whoever makes keys of the same parts again and again keeps them framed."""
    data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "little") + data


def framed_key(parts: bytes) -> str:
    """The content key of parts that are framed already, one after the other.

    >>> framed_key(framed("ab") + framed("c")) == content_key("ab", "c")
    True
    """
    return hashlib.blake2b(parts, digest_size=16).hexdigest()
