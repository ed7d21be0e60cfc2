"""How far a policy is from a reference, estimated at sampled tokens."""

from typing import Literal, TypeAlias

from prm_gym.errors import MissingExtraError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

KlForm: TypeAlias = Literal["k1", "k2", "k3"]


def kl_estimate(logprobs: Tensor, reference: Tensor, form: KlForm = "k3") -> Tensor:
    """An estimate of KL(pi || ref) at each token that was drawn from pi.

        d = log pi - log ref,    k1 = d,    k2 = d^2 / 2,    k3 = exp(-d) - 1 + d

    As values: k1 and k3 are without bias, k3 is never negative and varies less, k2 is biased. As terms of a loss, where the token counts as given, their
    gradients are: k1, that of log pi, whose mean is 0, so that it pulls nowhere; k2, d times that of log pi, which is the gradient of KL(pi || ref); k3,
    (1 - ref / pi) times that of log pi, whose mean is the gradient of KL(ref || pi).

    Args:
        logprobs: [R] log pi of the tokens.
        reference: [R] log ref.
        form: of the estimate.

    Returns:
        [R], in nats.

    Source: Schulman, "Approximating KL divergence", 2020; the gradients follow from d/dtheta of each.
    """
    difference = logprobs - reference
    match form:
        case "k1":
            return difference
        case "k2":
            return 0.5 * difference.square()
        case _:
            return torch.expm1(-difference) + difference
