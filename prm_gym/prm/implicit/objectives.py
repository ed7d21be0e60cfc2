"""What an implicit reward is trained on: outcomes of whole trajectories, by cross-entropy or by preference.

    S_i = sum_t r_t   (or the mean over steps)
    cross-entropy:  L = -mean_i [y_i log sigmoid(S_i) + (1 - y_i) log sigmoid(-S_i)]
    preference:     L = -mean over pairs (i, j) of one group with y_i > y_j of log sigmoid(S_i - S_j)

Sources: cross-entropy: Yuan et al. 2024 (2412.01981), equation 5, and PRIME (2502.01456), which takes the sum over the tokens. Preference over trajectories:
iStar (2509.19199); its paper takes the sum over steps, its code the mean, so `combine` is an option. With the mean, long trajectories are not favoured or
punished for their length; but sigmoid(S) then is no probability of the outcome for values that are added up.
"""

from typing import Literal, TypeAlias, get_args

from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
    from torch import Tensor
    from torch.nn import functional
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

Objective: TypeAlias = Literal["cross-entropy", "dpo"]
Combine: TypeAlias = Literal["sum", "mean"]


def trajectory_scores(rewards: Tensor, chains: Tensor, count: int, combine: Combine = "sum") -> Tensor:
    """[M] float32, the score of each trajectory.

    Args:
        rewards: [S] float32, r of each step.
        chains: [S] int64, the trajectory of each step.
        count: M, trajectories; each has a step.
        combine: the sum over steps, or their mean.
    """
    sums = torch.zeros(count, dtype=torch.float32, device=rewards.device).index_add(0, chains, rewards)
    if combine == "sum":
        return sums
    return sums / torch.bincount(chains, minlength=count).clamp(min=1)


def cross_entropy(scores: Tensor, outcomes: Tensor) -> Tensor:
    """[] float32, the mean of -log P(outcome), with P(right) = sigmoid(score).

    Args:
        scores: [M] float32, S.
        outcomes: [M] float32, in [0, 1].
    """
    return functional.binary_cross_entropy_with_logits(scores, outcomes)


def pairs_of(outcomes: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """([P], [P]) int64: the better and the worse of every pair of one group whose outcomes differ.

    Args:
        outcomes: [M] float32, in [0, 1].
        groups: [M] int64, what may be compared.
    """
    better = (groups[:, None] == groups[None, :]) & (outcomes[:, None] > outcomes[None, :])
    winners, losers = better.nonzero(as_tuple=True)
    return winners, losers


def preference(scores: Tensor, outcomes: Tensor, groups: Tensor) -> Tensor:
    """[] float32, the mean of -log sigmoid(S_better - S_worse) over the pairs of a batch; 0 where there is none.

    Args:
        scores: [M] float32, S.
        outcomes: [M] float32, in [0, 1].
        groups: [M] int64, what may be compared.
    """
    winners, losers = pairs_of(outcomes, groups)
    if winners.numel() == 0:
        return scores.sum() * 0.0
    return -functional.logsigmoid(scores[winners] - scores[losers]).mean()


def loss_of(objective: Objective, scores: Tensor, outcomes: Tensor, groups: Tensor) -> Tensor:
    """[] float32, the loss of a batch of trajectories.

    Raises:
        OptionError: there is no such objective.
    """
    if objective not in get_args(Objective):
        raise OptionError(f"objective is one of {', '.join(get_args(Objective))}, got {objective!r}")
    return cross_entropy(scores, outcomes) if objective == "cross-entropy" else preference(scores, outcomes, groups)
