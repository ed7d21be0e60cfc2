"""Batches and evaluations in shards, which an engine may play anywhere: with the same shards every engine gives the same curve.

The agent learns here. What acting needs of it is shared with the workers of the engine once for each of its updates, and each worker loads it once.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from prm_gym.agent import Agent, TrainableAgent
from prm_gym.engines import Crew, Engine, Report, Shared
from prm_gym.engines.shards import shards
from prm_gym.errors import OptionError
from prm_gym.rollout import Episode, Rollouts
from prm_gym.training.config import TrainConfig
from prm_gym.training.ground import Ground
from prm_gym.training.starting import as_new, trainable
from prm_gym.trajectory import Trajectory


class Turn(msgspec.Struct, frozen=True):
    """A shard as a job.

    Attributes:
        place: of the environments.
        episodes: of the shard.
        greedy: the agent takes its most probable actions.
        saved: files of the agent (see `TrainableAgent.save_acting`), by name.
        version: of these; equal only for the same files.
    """

    place: int
    episodes: tuple[Episode, ...]
    greedy: bool
    saved: Shared[dict[str, bytes]]
    version: str

    def __str__(self) -> str:
        return f"episodes {self.episodes[0].id} to {self.episodes[-1].id}"


class TurnPlayer:
    """Plays shards of a run in a worker."""

    def __init__(self, config: TrainConfig) -> None:
        """Make the agent, whose weights come with the jobs, and the environments."""
        self.config = as_new(config)
        self.agent = trainable(self.config)
        self.ground = Ground(config.env_id, config.env_options_for_training(), config.domains, config.num_envs)
        self.version = ""

    def run(self, job: Turn, report: Report) -> list[Trajectory]:
        """The trajectories of a shard, in order."""
        if job.version != self.version:
            _load(self.agent, job.saved.get())
            self.version = job.version
        return self.ground.at(job.place).play(self.agent.greedy() if job.greedy else self.agent, job.episodes, seed=self.config.seed)

    def close(self) -> None:
        """Close environments and verifiers."""
        self.ground.close()


class ShardedPlay:
    """Plays a run's episodes in shards: those of the agent that learns by the engine's workers, those of others here."""

    def __init__(self, config: TrainConfig, agent: TrainableAgent, engine: Engine | None) -> None:
        """Remember them.

        Args:
            config: of the run.
            agent: that learns.
            engine: None, or one within this process, for shards that are all played here.
        """
        self.config, self.agent, self.engine = config, agent, engine
        self.crew: Crew[Turn, list[Trajectory]] | None = engine.crew(partial(TurnPlayer, config)) if engine is not None and engine.apart else None
        self._version = ""
        self._saved: Shared[dict[str, bytes]] | None = None

    def play(self, rollouts: Rollouts, place: int, agent: Agent, episodes: Sequence[Episode], greedy: bool = False) -> list[Trajectory]:
        """See `prm_gym.training.ground.Shards`."""
        parts = shards(episodes, self.config.shard)
        if self.crew is None or self.engine is None or agent is not self.agent:
            acting = agent.greedy() if greedy and isinstance(agent, TrainableAgent) else agent
            return [trajectory for part in parts for trajectory in rollouts.play(acting, part, seed=self.config.seed)]
        saved = self._share(self.engine)
        turns = [Turn(place, tuple(part), greedy, saved, self._version) for part in parts]
        found = {finished.index: finished.result() for finished in self.crew.run(turns)}
        played = [trajectory for index in range(len(turns)) for trajectory in found[index]]
        rollouts.count(played)
        return played

    def _share(self, engine: Engine) -> Shared[dict[str, bytes]]:
        """What acting needs of the agent as it is now; the same as before where it has not learned since."""
        with tempfile.TemporaryDirectory() as folder:
            self.agent.save_acting(Path(folder))
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}
        version = hashlib.blake2b(b"".join(b"%d %d %s%s" % (len(name), len(data), name.encode(), data) for name, data in files.items())).hexdigest()
        if self._saved is None or version != self._version:
            self._saved, self._version = engine.share(files), version
        return self._saved

    def close(self) -> None:
        """End the workers."""
        if self.crew is not None:
            self.crew.close()


def players(config: TrainConfig, agent: TrainableAgent, engine: Engine | None) -> ShardedPlay | None:
    """What plays the shards of a run; None where it has none.

    Raises:
        OptionError: workers elsewhere are wanted and there are no shards for them.
    """
    if config.shard:
        return ShardedPlay(config, agent, engine)
    if engine is not None and engine.apart:
        raise OptionError(
            "this engine plays shards, and the run has none: give --shard 32, say. It is a part of the run's settings: with the same shards every engine, "
            "this process too, gives the same curve"
        )
    return None


def _load(agent: TrainableAgent, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        agent.load_acting(Path(folder))
