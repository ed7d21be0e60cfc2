"""Columns that are filled before credit is assigned, and where each comes from.

`StepBatch.from_trajectories` fills what trajectories hold. The rest comes from an agent (`TrainableAgent.columns`: what its critic says of states, what it says
of its actions) or from a learned signal (`prm_gym.credit.signal`), which is fitted to the batch first.
"""

from collections.abc import Mapping
from types import MappingProxyType

_OF_AGENT = "fill it with agent.columns(batch, ...)"

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "value": f"of an agent with a critic (for candidate the option value_weight=0.5, for causal-lm learning={{'value_weight': 0.5}}); {_OF_AGENT}",
        "bootstrap_value": f"of an agent with a critic, as for value; {_OF_AGENT}",
        "logprob": f"of the agent that acted; {_OF_AGENT}",
        "ref_logprob": f"of an agent that keeps a reference (for causal-lm learning={{'keep_reference': true}}); {_OF_AGENT}",
        "entropy": f"of an agent that has the distributions of its actions; {_OF_AGENT}",
        "n_tokens": f"of an agent that writes tokens; {_OF_AGENT}",
        "progress": "of the learned signal progress; take column(batch) of make_signal('progress'), then fit it to the batch",
        "implicit_reward": "of the learned signal implicit_reward; fit make_signal('implicit_reward:CHECKPOINT') to the batch (without a checkpoint it begins "
        "as a causal-lm: follow(agent) first), then take its column(batch)",
        "belief_key": "of an agent that states what it believes of the task; give each step a key of it, as canonical as can be",
        "score": "of a process reward model or another verifier; give the environment one",
    }
)
"""How to get a column that a batch lacks, for error messages and lists."""
