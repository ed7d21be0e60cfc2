"""The agent of a run as it begins."""

import msgspec

from prm_gym.agent import AGENTS, TrainableAgent, find_saved, make_agent
from prm_gym.errors import ContractError, OptionError
from prm_gym.plugins import split_options
from prm_gym.training.config import TrainConfig
from prm_gym.training.methods import make_method


def trainable(config: TrainConfig) -> TrainableAgent:
    """The agent of a run as it begins: untrained, or as it was saved in the folder that the run names.

    Raises:
        OptionError: an option of the agent does not fit, or its seed is given beside that of the run.
        CheckpointError: a saved agent cannot be loaded.
        ContractError: the agent cannot be trained, or not by this method.
    """
    if "seed" in config.agent_options:
        raise OptionError("the agent's seed is that of the run; leave it out of its options")
    refusal = f"agent {config.agent!r} cannot be trained: it has no update()"
    saved = find_saved(config.agent)
    factory = AGENTS.load(saved.id if saved is not None else split_options(config.agent)[0].partition(":")[0])
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
    return agent


def as_new(config: TrainConfig) -> TrainConfig:
    """The configuration with an agent of the same kind and options that has learned nothing: one into which any state of the run's agent can be loaded."""
    saved = find_saved(config.agent)
    if saved is None:
        return config
    options = {**split_options(config.agent)[1], **config.agent_options}
    return msgspec.structs.replace(config, agent=saved.id, agent_options={name: value for name, value in saved.with_options(options).items() if name != "seed"})
