"""An episode as it stands, in bytes."""

from typing import Any

import msgspec

from prm_gym.claims import decode_claims
from prm_gym.errors import ContractError
from prm_gym.rewards import JudgedStep
from prm_gym.task import Origin, Task
from prm_gym.transition import Situation
from prm_gym.verifier import PastStep


class Snapshot(msgspec.Struct, frozen=True):
    """What `StepEnv.snapshot` writes and `StepEnv.restore` puts back.

    Attributes:
        env: name of the environment's class.
        task: the current one, with its sealed part.
        state: what the environment's `save_state` gave.
        random_state: of its generator. JSON text.
        situation: what the agent faces.
        past: the steps so far, and
        judged: what was said of them.
        running: whether the episode goes on.
        origin: how it began, where that can be written.
    """

    env: str
    task: Task
    state: Any
    random_state: str
    situation: Situation
    past: tuple[PastStep, ...]
    judged: tuple[JudgedStep, ...]
    running: bool
    origin: Origin | None = None

    def encode(self) -> bytes:
        """In MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes, env: str) -> "Snapshot":
        """What `encode` wrote.

        Args:
            data: the bytes.
            env: name of the class of environments that it must be of.

        Raises:
            ContractError: these are no bytes, no snapshot, or one of another environment.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise ContractError(f"a snapshot is bytes, got {type(data).__name__}")
        try:
            saved = msgspec.msgpack.decode(data, type=cls, dec_hook=decode_claims)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ContractError(f"these bytes are no snapshot: {error}") from error
        if saved.env != env:
            raise ContractError(f"a snapshot of {saved.env} cannot be restored into {env}")
        return saved
