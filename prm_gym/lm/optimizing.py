"""AdamW over the weights that are trained, with copies in float32 of those that are not; a gradient that is no number is found before it is applied."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from prm_gym.errors import CheckpointError, MissingExtraError
from prm_gym.lm.parallel import like, whole

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Hyperparameters(NamedTuple):
    """Of AdamW.

    Attributes:
        learning_rate: the highest.
        weight_decay: of matrices that are no embeddings.
        clip: norm of the gradient at the most.
    """

    learning_rate: float
    weight_decay: float
    clip: float


class Optimizer:
    """AdamW by name.

    A weight in half precision has a master in float32, which takes its gradients (added up in float32 while they come) and its updates, and is rounded to the
    weight after each: a rate of 1e-6 would else be lost in the rounding.

    Source: Loshchilov and Hutter 2019; betas (0.9, 0.95) as in the training of language models; masters, Micikevicius et al. 2018.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], hyperparameters: Hyperparameters, fused: bool = True) -> None:
        """Make it.

        Args:
            weights: that are trained, by name.
            hyperparameters: of AdamW.
            fused: torch's fused kernel, for weights that are no distributed tensors.
        """
        self.hyperparameters = hyperparameters
        self._weights = dict(weights)
        self._masters: dict[str, nn.Parameter] = {}
        for name, weight in self._weights.items():
            if weight.dtype in (torch.bfloat16, torch.float16):
                self._masters[name] = nn.Parameter(weight.detach().float())
        self._trained = {name: self._masters.get(name, weight) for name, weight in self._weights.items()}
        groups: dict[float, list[nn.Parameter]] = {hyperparameters.weight_decay: [], 0.0: []}
        for name, weight in self._trained.items():
            groups[hyperparameters.weight_decay if weight.dim() >= 2 and "embed" not in name else 0.0].append(weight)
        listed = [{"params": parameters, "weight_decay": decay} for decay, parameters in groups.items() if parameters]
        self._adam = torch.optim.AdamW(listed, lr=hyperparameters.learning_rate, betas=(0.9, 0.95), fused=fused)

    @contextmanager
    def collecting(self) -> Generator[None]:
        """Around backward passes: gradients of weights in half precision are added up in their masters."""
        hooks: list[Any] = [self._weights[name].register_post_accumulate_grad_hook(_handed_to(master)) for name, master in self._masters.items()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def clip(self) -> float:
        """The norm of the gradient, which is then at most what it may be; no number where the gradient is none."""
        norm: Any = nn.utils.clip_grad_norm_(list(self._trained.values()), self.hyperparameters.clip)
        return float(whole(norm))

    def step(self, factor: float) -> None:
        """Apply the gradient at the highest rate times a factor, and forget it."""
        for group in self._adam.param_groups:
            group["lr"] = self.hyperparameters.learning_rate * factor
        self._adam.step()
        with torch.no_grad():
            for name, master in self._masters.items():
                self._weights[name].copy_(master)
        self.forget()

    def forget(self) -> None:
        """Drop the gradient."""
        for weight in (*self._trained.values(), *self._weights.values()):
            weight.grad = None

    def spoilt(self) -> list[str]:
        """Names of weights whose gradient is no number."""
        gradients = {name: weight.grad for name, weight in self._trained.items() if weight.grad is not None}
        return [name for name, gradient in gradients.items() if not bool(torch.isfinite(whole(gradient)).all())]

    def state(self) -> dict[str, Tensor]:
        """Moments and masters by name, whole; every process has to ask."""
        found = {f"master/{name}": whole(master.detach()) for name, master in self._masters.items()}
        for name, weight in self._trained.items():
            moments = self._adam.state.get(weight, {})
            found |= {f"{moment}/{name}": whole(moments[moment]) for moment in MOMENTS if moment in moments}
        return found

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave.

        Raises:
            CheckpointError: it is of other weights.
        """
        known = {f"{kind}/{name}" for name in self._trained for kind in (*MOMENTS, *(("master",) if name in self._masters else ()))}
        odd = [name for name, value in state.items() if name not in known or (value.dim() and value.shape != self._trained[name.partition("/")[2]].shape)]
        if odd or any(f"master/{name}" not in state for name in self._masters):
            raise CheckpointError(f"the state of the optimiser is of other weights than these ({', '.join(sorted(odd)[:3]) or 'its masters are missing'})")
        with torch.no_grad():
            for name, master in self._masters.items():
                master.copy_(state[f"master/{name}"])
        for name, weight in self._trained.items():
            found = {moment: state[f"{moment}/{name}"] for moment in MOMENTS if f"{moment}/{name}" in state}
            if found:
                # The count of steps stays where the kernel wants it: beside the weight where it is fused, else on the CPU.
                steps = found.pop("step").clone()
                placed = steps.to(weight.device) if self._adam.defaults["fused"] else steps.cpu()
                self._adam.state[weight] = {"step": placed, **{moment: like(value, weight) for moment, value in found.items()}}


def _handed_to(master: nn.Parameter) -> Callable[[Tensor], None]:
    """A hook that adds the gradient of a weight to its master's and drops it."""

    def hand(weight: Tensor) -> None:
        if weight.grad is not None:
            gradient = weight.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
            weight.grad = None

    return hand
