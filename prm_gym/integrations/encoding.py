"""TextEncoding: a text environment as vectors and numbered actions, for trainers that know nothing of text (Stable-Baselines3, CleanRL).

    env = TextEncoding(gym.make("prm_gym/Sokoban-v0", difficulty=1))
    observation, info = env.reset(seed=0)              # float32 vector; info["action_mask"]
    observation, *_ = env.step(int(np.flatnonzero(info["action_mask"])[0]))

What a vector holds is hashed, not understood: words, pairs of words, and which word stands where. It is enough to learn boards and short lists of choices, and
is no language model; `make_agent` has those.

Source: feature hashing with signs, Weinberger et al. 2009.
"""

import re
import zlib
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, SupportsFloat, TypeAlias, get_args

import gymnasium
import numpy as np
import numpy.typing as npt

from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError

Vector: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Overflow: TypeAlias = Literal["error", "cut"]

NO_ACTION = ""  # what a number without an action becomes: no step, which the environment judges

_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


def hashed(text: str, size: int) -> Vector:
    """A text as a vector of length 1 (0 of a text without words): its words, pairs of neighbours, and words with their place, hashed with signs.

    Equal texts have equal vectors in any process. Letters and numbers are words; of all else each sign is one, so that a cell of a board is.

    Args:
        text: any.
        size: of the vector, >= 1.

    Returns:
        [size] float32 in [-1, 1].
    """
    words = _WORD.findall(text)
    features = [*words, *(f"{first} {second}" for first, second in pairwise(words)), *(f"{at}\n{word}" for at, word in enumerate(words))]
    vector = np.zeros(size, dtype=np.float32)
    if features:
        codes = np.fromiter((zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in features), dtype=np.int64, count=len(features))
        np.add.at(vector, (codes >> 1) % size, np.where(codes & 1, np.float32(1.0), np.float32(-1.0)))
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm > 0.0 else vector


_of_action = lru_cache(maxsize=1 << 14)(hashed)


class TextEncoding(gymnasium.Wrapper[Vector, np.int64, str, str], gymnasium.utils.RecordConstructorArgs):
    """An environment that lists its admissible actions, with vectors as observations and the places in the list as actions.

    Observation: `Box(-1, 1, [observation_size + most_actions * action_size], float32)`: the hashed text that the agent sees, then each listed action, hashed;
    zeros where the list is shorter.

    Action: `Discrete(most_actions)`, a place in the list. A place without an action is no step: the environment judges it as malformed, and the agent stays
    where it is. The mask says which places have one: `info["action_mask"]`, and `action_masks()` as sb3-contrib's MaskablePPO asks for it; it is all False when
    the episode is over. Where each action stands may change from step to step, which is why the observation shows them.

    `info` has, beside the environment's own keys, `action_mask` ([most_actions] bool) and `actions_left_out` (int: listed actions beyond `most_actions`).
    """

    def __init__(
        self, env: gymnasium.Env[str, str], *, observation_size: int = 256, action_size: int = 16, most_actions: int = 32, overflow: Overflow = "error"
    ) -> None:
        """Set the sizes.

        Args:
            env: of prm_gym, by `gymnasium.make`.
            observation_size: numbers for the text, >= 1.
            action_size: numbers for each action, >= 0; 0 where a place always means the same.
            most_actions: places, >= 1.
            overflow: what becomes of a longer list: "error", or "cut": its end is left out, and counted.

        Raises:
            OptionError: a number out of range, or the environment is none of prm_gym.
        """
        if not isinstance(env.unwrapped, StepEnv):
            raise OptionError(f"TextEncoding wraps environments of prm_gym, got {type(env.unwrapped).__name__}")
        if observation_size < 1 or action_size < 0 or most_actions < 1:
            raise OptionError(f"sizes are at least 1, and 0 for actions; got {observation_size}, {action_size} and most_actions={most_actions}")
        if overflow not in get_args(Overflow):
            raise OptionError(f"overflow is 'error' or 'cut', got {overflow!r}")
        sizes = {"observation_size": observation_size, "action_size": action_size, "most_actions": most_actions}
        recorded: dict[str, Any] = {**sizes, "overflow": overflow}
        gymnasium.utils.RecordConstructorArgs.__init__(self, **recorded)
        super().__init__(env)  # pyright: ignore[reportArgumentType] - Gymnasium's type variables of the inner and the outer environment have one name
        self._inner: gymnasium.Env[str, str] = env
        self.observation_size, self.action_size, self.most_actions, self.overflow = observation_size, action_size, most_actions, overflow
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (observation_size + most_actions * action_size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(most_actions)
        self._actions: tuple[str, ...] = ()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Begin an episode.

        Raises:
            OptionError: the environment lists no actions.
        """
        text, info = self._inner.reset(seed=seed, options=options)
        if not info["actions"]:
            raise OptionError(
                "the environment lists no actions here, so that there is nothing to number; its option `candidates` may, or take a language model"
            )
        return self._encoded(text, info)

    def step(self, action: np.int64) -> tuple[Vector, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take the action that stands at a place.

        Raises:
            ContractError: the place is outside of the space.
        """
        place = int(action)
        if not 0 <= place < self.most_actions:
            raise ContractError(f"an action is a place from 0 to {self.most_actions - 1}, got {place}")
        text, reward, terminated, truncated, info = self._inner.step(self._actions[place] if place < len(self._actions) else NO_ACTION)
        observation, info = self._encoded(text, info, over=terminated or truncated)
        return observation, reward, terminated, truncated, info

    def action_masks(self) -> Mask:
        """[most_actions] bool, which places have an action now."""
        return np.arange(self.most_actions) < len(self._actions)

    def _encoded(self, text: str, info: dict[str, Any], over: bool = False) -> tuple[Vector, dict[str, Any]]:
        listed: tuple[str, ...] = info["actions"]
        left_out = max(0, len(listed) - self.most_actions)
        if left_out and self.overflow == "error":
            raise OptionError(f"{len(listed)} actions are listed and most_actions is {self.most_actions}: raise it, or take overflow='cut'")
        self._actions = () if over else listed[: self.most_actions]
        vector = np.zeros(self.observation_space.shape or (0,), dtype=np.float32)
        vector[: self.observation_size] = hashed(text, self.observation_size)
        if self.action_size:
            for place, action in enumerate(listed[: self.most_actions]):
                begin = self.observation_size + place * self.action_size
                vector[begin : begin + self.action_size] = _of_action(action, self.action_size)
        return vector, {**info, "action_mask": self.action_masks(), "actions_left_out": left_out}
