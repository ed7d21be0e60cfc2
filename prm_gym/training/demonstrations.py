"""What an agent is shown before it is trained: solved tasks, and stored episodes that succeeded."""

import numpy as np

from prm_gym.agent import TrainableAgent, make_agent
from prm_gym.credit import StepBatch
from prm_gym.errors import OptionError
from prm_gym.store import read_trajectories
from prm_gym.training.config import TrainConfig
from prm_gym.training.ground import Ground
from prm_gym.trajectory import Trajectory

_DEMONSTRATED = 1 << 40  # the batch that demonstrations are drawn as; no run has so many


def demonstrate(config: TrainConfig, ground: Ground, agent: TrainableAgent) -> dict[str, float]:
    """Let the agent imitate solutions, where the settings want any.

    Returns:
        Metrics by name; none where nothing was to be shown.

    Raises:
        OptionError: none of the demonstrator's attempts or the stored episodes succeeded.
    """
    shown = [*_solved(config, ground), *_stored(config, ground)]
    if not shown:
        if config.demonstrations or config.demonstration_file:
            raise OptionError("none of the demonstrations succeeded, so there is nothing to imitate; choose another demonstrator or file")
        return {}
    return {"demonstrations": float(len(shown)), **agent.imitate(StepBatch.from_trajectories(shown))}


def _solved(config: TrainConfig, ground: Ground) -> list[Trajectory]:
    if not config.demonstrations:
        return []
    rng = np.random.default_rng([config.seed, _DEMONSTRATED])
    even = np.full(ground.domains, 1.0 / ground.domains)
    episodes = ground.draw(rng, even, config.demonstrations, 1, "shown-")
    return [trajectory for trajectory in ground.play(make_agent(config.demonstrator), episodes) if _succeeded(trajectory)]


def _stored(config: TrainConfig, ground: Ground) -> list[Trajectory]:
    if not config.demonstration_file:
        return []
    stored = read_trajectories(config.demonstration_file)
    return [each for each in stored if _succeeded(each) and ground.held_out.isdisjoint((each.task.key, each.task.question))]


def _succeeded(trajectory: Trajectory) -> bool:
    return trajectory.valid and trajectory.outcome == 1.0
