"""Columns that are filled before credit is assigned, where each comes from, and what it may hold.

`StepBatch.from_trajectories` fills what trajectories hold. The rest comes from an agent (`TrainableAgent.columns`: what its critic says of states, what it says
of its actions) or from a learned signal (`prm_gym.credit.signal`), which is fitted to the batch first.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.grouping import rows_text
from prm_gym.errors import CreditError

OF_VERDICTS = ("score", "label", "potential", "final_potential")
"""Columns that come of verdicts: an environment without verifiers has none of them."""

_OF_AGENT = "fill it with agent.columns(batch, ...)"

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "value": f"of an agent with a critic (for candidate the option value_weight=0.5, for causal-lm learning={{'value_weight': 0.5}}); {_OF_AGENT}",
        "bootstrap_value": f"of an agent with a critic, as for value; {_OF_AGENT}",
        "logprob": f"of the agent that acted; {_OF_AGENT}",
        "ref_logprob": f"of an agent that keeps a reference (for causal-lm learning={{'keep_reference': true}}); {_OF_AGENT}",
        "entropy": f"of an agent that has the distributions of its actions (causal-lm; candidate does not give it); {_OF_AGENT}",
        "n_tokens": f"of an agent that writes tokens; {_OF_AGENT}",
        "mc_value": "of the signal mc_value, by fresh roll-outs of the agent; column(batch) of make_signal('mc_value:AGENT?k=9'), of rewards of outcomes alone",
        "bootstrap_mc_value": "of the signal mc_value where roll-outs may go beyond the limit of an episode: 'mc_value?beyond=8'",
        "parent": "of trajectories that are branches of others (Step.parent), or of whole ones by prm_gym.credit.branches(batch)",
        "progress": "of the learned signal progress; take column(batch) of make_signal('progress'), then fit it to the batch",
        "implicit_reward": "of the learned signal implicit_reward; fit make_signal('implicit_reward:CHECKPOINT') to the batch (without a checkpoint it begins "
        "as a causal-lm: follow(agent) first), then take its column(batch)",
        "greedy_return": "of the signal greedy_return, which plays each task once more without sampling; column(batch) of make_signal('greedy_return:AGENT'); "
        "or greedy_returns(batch, greedy) of prm_gym.credit where those attempts are played already",
        "belief_key": "of an agent that states what it believes of the task; give each step a key of it, as canonical as can be: "
        "batch.with_columns({'belief_key': key_array(...)}), and 'belief_reward' where beliefs are paid",
        "score": "of a process reward model or another verifier; give the environment one",
        "label": "of verifiers that call steps right or wrong (z3, algebra, execution and others); give the environment one",
        "potential": "of verifiers that state progress (milestones of a task: state, path, rubric and others); or the probability of the right answer (igpo), "
        "or of the attempt's own (siop), or another worth of the state before each step: batch.with_columns({'potential': ..., 'final_potential': ...})",
        "final_potential": "as for potential, of the state after the last step",
        "answer_key": "a key of each trajectory's final answer, equal where the answers are, on all its steps: from_trajectories has it where last steps claim "
        "answers (maths, logic, questions); else batch.with_columns({'answer_key': ...}). siop also asks for the probability of that very answer as potential, "
        "which no training run fills",
    }
)
"""How to get a column that a batch lacks, for error messages and lists."""

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"score": (0.0, 1.0), "label": (0.0, 1.0), "entropy": (0.0, math.inf), "n_tokens": (0.0, math.inf)}
)
"""Columns that mean the same to all who read them, and what their numbers lie in.

Of `potential` and `final_potential` each assigner says its own range, since it is a share of milestones to one, a probability to another and a worth on the
scale of the rewards to a third; values of critics and of roll-outs are on the scale of the rewards.
"""

ENTROPY_ROUNDING = 1e-6
"""So far, in nats, an entropy may be off, and lie below 0: policies sum it up in float32, and a run must not end for what that makes of a certain token."""


def require_meaning(name: str, numbers: FloatArray) -> None:
    """Refuse numbers that a column of this name cannot hold. O(N).

    Args:
        name: of the column; one that is not in `RANGES` may hold any finite number.
        numbers: [N] float64; NaN where not known.

    Raises:
        CreditError: one is infinite or outside the range of the column, or a label neither 0 nor 1; names the rows.
    """
    low, high = RANGES.get(name, (-math.inf, math.inf))
    wrong = np.isinf(numbers)
    if wrong.any():
        raise CreditError(f"the column {name!r} must be numbers, or NaN where not known, got infinity in {rows_text(wrong)}.")
    slack = ENTROPY_ROUNDING if name == "entropy" else 0.0
    wrong = (numbers != low) & (numbers != high) & ~np.isnan(numbers) if name == "label" else (numbers < low - slack) | (numbers > high)
    if wrong.any():
        said = "1, 0" if name == "label" else f"in [{low:g}, {high:g}]" if math.isfinite(high) else f"{low:g} or more"
        raise CreditError(f"the column {name!r} must be {said}, or NaN where not known, got something else in {rows_text(wrong)}.")
