"""StepVectorEnv: many step environments, each verifier called once a batch.

envs = gym.make_vec("prm_gym/Deduction-v0", num_envs=64, vectorization_mode="vector_entry_point", verifiers=["z3"])
"""

import importlib
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError

Batch = tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]


class StepVectorEnv(VectorEnv[tuple[str, ...], Sequence[str], NDArray[Any]]):
    """N environments of one class, stepped together.

    Observations are tuples of texts. `info` has the keys of `StepEnv` as arrays of length N with a mask under `_key`, as Gymnasium's own vector
    environments do: `outcome` float64 with NaN where there is none, `valid` bool, `verdicts` a dictionary from verifier id to an object array of `Verdict`, the
    rest object arrays. At the end of an episode: mode NEXT_STEP resets on the following step (whose action and reward are void), SAME_STEP at
    once (the last observation and info then stand under `final_obs` and `final_info`), DISABLED leaves it to `reset(options={"reset_mask": ...})`.
    """

    def __init__(
        self,
        env_class: type[StepEnv],
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        """Make the environments.

        Args:
            env_class: class of the environments.
            num_envs: how many, >= 1.
            autoreset_mode: see the class.
            **options: options of the environments; the verifiers are made once and shared.
        """
        if num_envs < 1:
            raise OptionError(f"num_envs must be at least 1, got {num_envs}")
        self.envs: list[StepEnv] = env_class.make_many(num_envs, **options)
        first = self.envs[0]
        self.verifiers = first.verifiers
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**first.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = first.render_mode
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._ended = np.zeros(num_envs, dtype=np.bool_)

    def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Begin episodes in all environments, or in those of `options["reset_mask"]` ([N] bool).

        Args:
            seed: one seed (environment i gets seed + i), one for each, or None.
            options: handed to each environment, without `reset_mask`.
        """
        options = dict(options or {})
        mask = np.asarray(options.pop("reset_mask", np.ones(self.num_envs, dtype=np.bool_)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise OptionError(f"reset_mask must be a bool array of shape ({self.num_envs},), got {mask.dtype} {mask.shape}")
        seeds = [None if seed is None else seed + i for i in range(self.num_envs)] if isinstance(seed, int | None) else list(seed)
        if len(seeds) != self.num_envs:
            raise OptionError(f"got {len(seeds)} seeds for {self.num_envs} environments")
        infos: list[dict[str, Any] | None] = [None] * self.num_envs
        self._reset(_rows(mask), infos, seeds, options)
        self._ended[mask] = False
        return self._observations(), _columns(infos)

    def step(self, actions: Sequence[str]) -> Batch:
        """Take one step everywhere.

        Args:
            actions: [N] texts.

        Raises:
            ContractError: not N actions, or, with autoreset disabled, an environment whose episode has ended.
        """
        if isinstance(actions, str) or len(actions) != self.num_envs:
            given = "one text" if isinstance(actions, str) else f"{len(actions)} actions"
            raise ContractError(f"got {given} for {self.num_envs} environments")
        resetting = self._ended.copy()
        if self.autoreset_mode is AutoresetMode.DISABLED and resetting.any():
            raise ContractError(f"environments {np.flatnonzero(resetting).tolist()} have ended: reset them (options={{'reset_mask': ...}})")
        rewards = np.zeros(self.num_envs, dtype=np.float64)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        infos: list[dict[str, Any] | None] = [None] * self.num_envs
        stepping = _rows(~resetting)
        results = StepEnv.step_batch([self.envs[row] for row in stepping], [actions[row] for row in stepping], self.verifiers)
        for row, (_, reward, ended, cut, info) in zip(stepping, results, strict=True):
            rewards[row], terminated[row], truncated[row], infos[row] = reward, ended, cut, info
        self._reset(_rows(resetting), infos)
        self._ended = terminated | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            return self._same_step(rewards, terminated, truncated, infos)
        return self._observations(), rewards, terminated, truncated, _columns(infos)

    def _reset(
        self,
        rows: Sequence[int],
        infos: list[dict[str, Any] | None],
        seeds: Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Begin episodes in some environments, and put down their infos."""
        envs = [self.envs[row] for row in rows]
        given = [None if seeds is None else seeds[row] for row in rows]
        for row, (_, info) in zip(rows, StepEnv.reset_batch(envs, given, [options] * len(envs)), strict=True):
            infos[row] = info

    def _same_step(
        self,
        rewards: NDArray[np.float64],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        infos: list[dict[str, Any] | None],
    ) -> Batch:
        final_obs = np.full(self.num_envs, None, dtype=object)
        final_infos: list[dict[str, Any] | None] = [None] * self.num_envs
        for row in np.flatnonzero(self._ended):
            final_obs[row], final_infos[row] = self.envs[row].situation.observation, infos[row]
        self._reset(_rows(self._ended), infos)
        columns = _columns(infos)
        columns.update(final_obs=final_obs, _final_obs=self._ended.copy(), final_info=_columns(final_infos), _final_info=self._ended.copy())
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)
        return self._observations(), rewards, terminated, truncated, columns

    def _observations(self) -> tuple[str, ...]:
        return tuple(env.situation.observation for env in self.envs)

    def render(self) -> tuple[Any, ...] | None:
        """The renderings of all environments."""
        return tuple(env.render() for env in self.envs)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of every environment, or read an attribute."""
        attributes = [getattr(env, name) for env in self.envs]
        return tuple(attribute(*args, **kwargs) if callable(attribute) else attribute for attribute in attributes)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Read an attribute of every environment."""
        return tuple(getattr(env, name) for env in self.envs)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of every environment, to one value or to a list of N."""
        for env, value in zip(self.envs, self._spread(values), strict=True):
            setattr(env, name, value)

    def _spread(self, values: Any) -> list[Any]:
        if not isinstance(values, list | tuple):
            return [values] * self.num_envs
        spread: list[Any] = list(cast("Sequence[Any]", values))
        if len(spread) != self.num_envs:
            raise OptionError(f"got {len(spread)} values for {self.num_envs} environments")
        return spread

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments and the shared verifiers."""
        for env in self.envs:
            env.close()


def _rows(mask: NDArray[np.bool_]) -> list[int]:
    return [int(row) for row in np.flatnonzero(mask)]


def _columns(infos: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    present = np.array([info is not None for info in infos], dtype=np.bool_)
    columns: dict[str, Any] = {}
    known = {"outcome", "valid", "verdicts"}
    for key in dict.fromkeys(["task_key", "state_key", "actions", *(key for info in infos if info is not None for key in info if key not in known)]):
        columns[key] = _objects([None if info is None else info.get(key) for info in infos])
        columns[f"_{key}"] = present.copy()
    columns["outcome"] = np.array([np.nan if info is None or info["outcome"] is None else info["outcome"] for info in infos], dtype=np.float64)
    columns["_outcome"] = ~np.isnan(columns["outcome"])
    columns["valid"] = np.array([info is not None and info["valid"] for info in infos], dtype=np.bool_)
    columns["_valid"] = present.copy()
    verdicts: dict[str, Any] = {}
    for verifier_id in dict.fromkeys(name for info in infos if info is not None for name in info["verdicts"]):
        verdicts[verifier_id] = _objects([None if info is None else info["verdicts"].get(verifier_id) for info in infos])
        verdicts[f"_{verifier_id}"] = np.array([value is not None for value in verdicts[verifier_id]], dtype=np.bool_)
    columns["verdicts"] = verdicts
    columns["_verdicts"] = present
    return columns


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):  # element by element: numpy would turn equal-length tuples into a matrix
        array[row] = value
    return array


def __getattr__(name: str) -> Any:
    """The vector entry point of any environment class: `prm_gym.vector:package.module.Class`.

    Gymnasium resolves an entry point as one attribute of one module; so the class is written as the attribute, and no environment needs a line of
    its own for its vector form.
    """
    module, _, attribute = name.rpartition(".")
    if not module:
        raise AttributeError(name)
    env_class = getattr(importlib.import_module(module), attribute)
    if not issubclass(env_class, StepEnv):
        raise AttributeError(f"{name} is no StepEnv")
    return partial(StepVectorEnv, env_class)
