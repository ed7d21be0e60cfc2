"""The agent of a run as it begins."""

from pathlib import Path

from prm_gym.agent import AGENTS, TrainableAgent, make_agent
from prm_gym.errors import ContractError, OptionError
from prm_gym.plugins import split_options
from prm_gym.training.config import TrainConfig
from prm_gym.training.methods import make_method


def trainable(config: TrainConfig) -> TrainableAgent:
    """The agent of a run as it begins: untrained, or that of `config.start`.

    Raises:
        OptionError: an option of the agent does not fit, or its seed is given beside that of the run.
        ContractError: the agent cannot be trained, or not by this method.
    """
    if "seed" in config.agent_options:
        raise OptionError("the agent's seed is that of the run; leave it out of its options")
    refusal = f"agent {config.agent!r} cannot be trained: it has no update()"
    factory = AGENTS.load(split_options(config.agent)[0].partition(":")[0])
    if isinstance(factory, type) and not issubclass(factory, TrainableAgent):  # said before anything is said about its options
        raise ContractError(refusal)
    agent = make_agent(config.agent, seed=config.seed, **config.agent_options)
    if not isinstance(agent, TrainableAgent):
        raise ContractError(refusal)
    make_method(config.method).require_able(agent)
    if config.shard and not agent.seeded:
        raise OptionError(
            f"the agent {agent.id!r} does not draw its actions from the seeds that it is given (`Agent.seeded`), which shards need; leave shard at 0"
        )
    if config.start:
        agent.load(Path(config.start))
    return agent
