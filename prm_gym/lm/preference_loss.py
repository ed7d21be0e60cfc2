"""Losses of preferences between two actions in one situation, as functions of their log-probabilities."""

from typing import Literal, TypeAlias

from prm_gym.errors import MissingExtraError

try:
    from torch import Tensor
    from torch.nn import functional
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

PreferenceForm: TypeAlias = Literal["dpo", "ipo", "simpo"]


def dpo_loss(margin: Tensor, beta: float, smoothing: float = 0.0) -> Tensor:
    """DPO's loss of each pair; Step-DPO's, where the actions are single steps after the same beginning.

        m = log pi(y_w)/ref(y_w) - log pi(y_l)/ref(y_l)
        l = -(1 - s) log sigmoid(beta m) - s log sigmoid(-beta m)

    Args:
        margin: [P] m, of whole actions.
        beta: > 0, how closely the reference is kept to.
        smoothing: s in [0, 0.5): the share of preferences that are taken to be wrong.

    Source: Rafailov et al. 2023, equation 7; Step-DPO, Lai et al. 2024; s, Mitchell 2023 (conservative DPO).
    """
    return -(1.0 - smoothing) * functional.logsigmoid(beta * margin) - smoothing * functional.logsigmoid(-beta * margin)


def ipo_loss(margin: Tensor, beta: float) -> Tensor:
    """IPO's loss of each pair: the margin is to be 1 / (2 beta), and no more.

        l = (m - 1 / (2 beta))^2

    Args:
        margin: [P] m as for DPO; of means over tokens where actions differ in length, as its authors advised users of TRL.
        beta: > 0.

    Source: Azar et al. 2023, equation 17.
    """
    return (margin - 0.5 / beta).square()


def simpo_loss(margin: Tensor, beta: float, gap: float) -> Tensor:
    """SimPO's loss of each pair, which needs no reference.

        m = mean_t log pi(y_w,t) - mean_t log pi(y_l,t),    l = -log sigmoid(beta m - gap)

    Args:
        margin: [P] m, of means over tokens.
        beta: > 0; 2 to 2.5 in the paper.
        gap: >= 0, by which the better one is to be better; 0.3 to 1.6 there.

    Source: Meng et al. 2024, equation 6.
    """
    return -functional.logsigmoid(beta * margin - gap)
