"""Ranks: one training run on several processes that torchrun has started.

    torchrun --nproc-per-node 2 -m prm_gym train --agent causal-lm --agent-option 'learning={"parallel":"ddp"}' ...

The groups of a batch are dealt out whole (where the run has shards, these are), every process plays its share, and what was played is exchanged: all hold the
same batch in the same order. From there on all do the same. Credit is assigned over the whole batch by each of them, which costs little and is exact for every
assigner, those that look across groups too; the update is shared out by the agent, whose gradient is that of the whole batch. Actions are drawn from the run's
seed, the episode and the step alone, so that it makes no difference who plays which episode. The first process alone writes.

Agents that keep to no seeds and yet leave something to chance (a demonstrator or corrector like `mixed:0.5`) draw in each process by themselves: with them the
course depends on how many processes there are, and is the same again for as many.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from prm_gym.agent import Agent, TrainableAgent
from prm_gym.engines import Engine
from prm_gym.engines.shards import shards
from prm_gym.errors import ContractError, MissingExtraError, OptionError, PrmGymError, WorkerError
from prm_gym.rollout import Episode, Rollouts
from prm_gym.training.config import TrainConfig
from prm_gym.trajectory import Trajectory

Result = TypeVar("Result")

LONGEST_SHARE = timedelta(hours=24)
"""That the others wait for one that is still playing. One that has died is noticed at once."""


def started_by_torchrun() -> bool:
    """Whether this process is one of several that make one run."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_first() -> bool:
    """Whether this process is the one that writes and speaks; known before it has joined the others."""
    return not started_by_torchrun() or os.environ["RANK"] == "0"


class Ranks:
    """The processes of a run; of a run that torchrun has not started, this one alone. They play as `prm_gym.training.ground.Shards`.

    Attributes:
        rank: of this process, in [0, size).
        size: how many there are.
    """

    def __init__(self, config: TrainConfig, cards: bool = True) -> None:
        """Join the others.

        Args:
            config: of the run.
            cards: each process has a card of its own, where there are any.

        Raises:
            MissingExtraError: torch is not installed.
            OptionError: a machine has fewer cards than processes.
        """
        self.config, self.rank, self.size = config, 0, 1
        self._group: Any = None
        self._before: Any = None
        if started_by_torchrun():
            self._group = _joined(cards)
            self.rank, self.size = self._group.rank(), self._group.size()

    @property
    def alone(self) -> bool:
        """Whether torchrun has not started this run: it plays and learns in this process, or by an engine."""
        return self._group is None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def __enter__(self) -> Self:
        if self._group is not None and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminated)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
        if self._group is not None and isinstance(error, RuntimeError) and not isinstance(error, PrmGymError) and _is_lost(error):
            raise WorkerError(self._ending()) from error

    def _ending(self) -> str:
        return (
            f"process {self.rank} of {self.size} ends: another was killed or has failed (what it said last is above), or all were told to end. "
            "The same command goes on from the last checkpoint"
        )

    def _terminated(self, _number: int, _frame: FrameType | None) -> None:
        """What torchrun does to the others when one has ended."""
        print(f"prm-gym: {self._ending()}", file=sys.stderr, flush=True)
        sys.exit(128 + signal.SIGTERM)

    def require_able(self, agent: TrainableAgent, engine: Engine | None) -> None:
        """Refuse what cannot be trained by several processes.

        Raises:
            OptionError: the agent cannot, or an engine is to play elsewhere what these processes share out.
        """
        if self._group is not None and engine is not None and engine.apart:
            raise OptionError("torchrun's processes play what they learn from themselves; leave out the engine and its workers, or torchrun")
        if self._group is not None and not (agent.together and agent.seeded):
            raise OptionError(
                f"torchrun has started {self.size} processes, and the agent {agent.id!r} learns in one. causal-lm learns in several with the option "
                """learning={"parallel":"ddp"} or "fsdp"; start any other agent without torchrun"""
            )

    def play(self, rollouts: Rollouts, place: int, agent: Agent, episodes: Sequence[Episode], greedy: bool = False) -> list[Trajectory]:
        """The trajectories of all episodes in order, of which this process plays its share; see `prm_gym.training.ground.Shards`.

        Raises:
            PrmGymError: any of the processes failed; all raise it.
        """
        acting = agent.greedy() if greedy and isinstance(agent, TrainableAgent) else agent
        names = list(dict.fromkeys(episode.group_id for episode in episodes))
        mine = set(names[self.rank :: self.size])
        parts = shards(episodes, self.config.shard)[self.rank :: self.size] if self.config.shard else [[each for each in episodes if each.group_id in mine]]

        def play() -> list[Trajectory]:
            return [trajectory for part in parts for trajectory in rollouts.play(acting, part, seed=self.config.seed)]

        shares = self._exchanged(play)
        for rank, share in enumerate(shares):
            if rank != self.rank:
                rollouts.count(share)
        played = {trajectory.id: trajectory for share in shares for trajectory in share}
        return [played[episode.id] for episode in episodes]

    def close(self) -> None:
        """Nothing: the processes end with the run."""

    def by_first(self, action: Callable[[], Result]) -> Result:
        """What the first process gets from an action that it alone takes; its failure is that of all."""
        if self._group is None:
            return action()
        found: Any = self._exchanged(action if self.first else lambda: None)[0]
        return found

    def any(self, flag: bool) -> bool:
        """Whether it is so for any process."""
        return flag if self._group is None else any(self._exchanged(lambda: flag))

    def require_same(self, what: str, value: object) -> None:
        """Refuse to go on where processes differ in what must be the same in all of them.

        Raises:
            ContractError: they do.
        """
        if self._group is None:
            return
        found = self._exchanged(lambda: repr(value))
        if len(set(found)) > 1:
            raise ContractError(f"the processes differ in {what}: {'; '.join(f'process {rank}: {said}' for rank, said in enumerate(found))}")

    def _exchanged(self, action: Callable[[], Result]) -> list[Result]:
        """What every process gets from an action. Where it fails in one, all fail alike, instead of waiting for what never comes."""
        from torch import distributed

        result: Result | None = None
        error: Exception | None = None
        try:
            result = action()
        except Exception as raised:  # of whatever kind: the others wait
            error = raised
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, (result, _said(error)), group=self._group)
        if error is not None:
            raise error
        for rank, (_, said) in enumerate(found):
            if said is not None:
                raise said if isinstance(said, PrmGymError) else WorkerError(f"process {rank} of {self.size} failed: {said}")
        return [each for each, _ in found]


def _said(error: Exception | None) -> PrmGymError | str | None:
    """What the other processes are told of a failure: ours as they are, others in words, for not all of them can be sent."""
    return error if error is None or isinstance(error, PrmGymError) else f"{type(error).__name__}: {error}"


def _joined(cards: bool) -> Any:
    """A group of all processes, through which objects are exchanged on the CPU."""
    try:
        from torch import cuda, distributed
    except ImportError as error:
        raise MissingExtraError("torch", "torch") from error
    if cards and cuda.is_available():
        local = int(os.environ["LOCAL_RANK"])
        if local >= cuda.device_count():
            raise OptionError(f"torchrun has started process {local} (from 0) on a machine with {cuda.device_count()} CUDA devices; give each its own")
        cuda.set_device(local)
    if not distributed.is_initialized():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda.is_available() else "gloo")
    return distributed.new_group(backend="gloo", timeout=LONGEST_SHARE)


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error says that another process is gone."""
    from torch import distributed

    return isinstance(error, distributed.DistError) or "gloo" in str(error).lower() or "connection" in str(error).lower()
