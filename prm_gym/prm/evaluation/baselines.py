"""What can be reached without looking at a step: constants, and an oracle that knows whether the final answer is right.

    all right, all wrong          the score 1, or 0, for every step
    base rate                     the share of right steps of the data, as the score of every step: the best constant for Brier score and likelihood
    outcome, second step wrong    where the final answer is wrong, the step with index 1 is named (the last one of a shorter solution); else none
    outcome, last step wrong      likewise, the last step

The oracles need the gold answers, which a verifier is not given; they are there because the first of them is hard to beat. Where the outcome of a solution is
not known they name nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from prm_gym.prm.labelled import LabelledChain

Guess = Callable[[LabelledChain], Sequence[float]]


def outcome_at(chain: LabelledChain, index: int) -> list[float]:
    """The scores of the oracle that names a step where the final answer is wrong.

    Args:
        chain: a solution.
        index: which step it names; the last one of a shorter solution, or with -1.
    """
    scores = [1.0] * len(chain.chain)
    if chain.outcome is False and scores:
        scores[min(index, len(scores) - 1)] = 0.0
    return scores


BASELINES: Mapping[str, Guess] = MappingProxyType(
    {
        "all right": lambda chain: [1.0] * len(chain.chain),
        "all wrong": lambda chain: [0.0] * len(chain.chain),
        "outcome, second step wrong": lambda chain: outcome_at(chain, 1),
        "outcome, last step wrong": lambda chain: outcome_at(chain, -1),
    }
)


def base_rate(chains: Sequence[LabelledChain]) -> float:
    """Share of right steps among those with a label; 1/2 where there is none."""
    labels = [label for chain in chains for label in chain.labels if label is not None]
    return sum(labels) / len(labels) if labels else 0.5
