"""One gradient step of an implicit reward on a batch of trajectories, whatever its size in memory."""

import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast, get_args

import msgspec

from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.lm.batching import length_sorted
from prm_gym.prm.implicit.encoding import Spanned
from prm_gym.prm.implicit.logprobs import Batch, CausalModel, collate, step_sums
from prm_gym.prm.implicit.objectives import Combine, Objective, loss_of, pairs_of, trajectory_scores

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


class LearningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How an implicit reward learns.

    Attributes:
        objective: "cross-entropy" on outcomes, or "dpo" on pairs of trajectories of one problem whose outcomes differ.
        beta: of the reward, > 0. 0.05 in PRIME and iStar.
        combine: the score of a trajectory is the "sum" of its steps' rewards (PRIME, the paper of iStar) or their "mean" (the code of iStar).
        learning_rate: of AdamW, > 0. 1e-6 in PRIME and iStar, for models of billions of parameters; 1e-4 and more for small ones and adapters.
        weight_decay: of AdamW, >= 0.
        clip: of the norm of the gradient, > 0.
        batch_tokens: tokens with padding that go through the model at once, in one part of a gradient step; the result does not depend on it.
    """

    objective: Objective = "cross-entropy"
    beta: float = 0.05
    combine: Combine = "sum"
    learning_rate: float = 1e-6
    weight_decay: float = 0.0
    clip: float = 1.0
    batch_tokens: int = 8192

    def __post_init__(self) -> None:
        for name, kind in (("objective", Objective), ("combine", Combine)):
            if getattr(self, name) not in get_args(kind):
                raise OptionError(f"{name} is one of {', '.join(get_args(kind))}, got {getattr(self, name)!r}")
        for name in ("beta", "learning_rate", "clip", "batch_tokens"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise OptionError(f"{name} is positive, got {getattr(self, name)!r}")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0.0):
            raise OptionError(f"weight_decay is not negative, got {self.weight_decay!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A trajectory to learn from.

    Attributes:
        tokens: the whole chain.
        outcome: in [0, 1].
        group: what it may be compared with.
        reference: [T] float32, on the CPU: the sum over the tokens of each step of log ref.
    """

    tokens: Spanned
    outcome: float
    group: int
    reference: Tensor


class Learned(msgspec.Struct, frozen=True):
    """What came of one step.

    Attributes:
        loss: of the batch, before the step.
        accuracy: share of trajectories on the right side of 0 (cross-entropy; outcomes from 0.5 on are right), or of pairs in the right order; NaN without any.
        pairs: pairs of trajectories that were compared; 0 under cross-entropy.
        trajectories: in the batch.
        tokens: in the batch, without padding.
        gradient: norm before clipping.
    """

    loss: float
    accuracy: float
    pairs: int
    trajectories: int
    tokens: int
    gradient: float


class ImplicitLearner:
    """The trained model and its optimiser.

    The weights that learn are in float32 (an update of 1e-6 is lost in bfloat16); on CUDA products are taken in bfloat16 by autocast.

    Attributes:
        model: pi.
        options: how it learns.
        steps: gradient steps taken.
    """

    def __init__(self, model: CausalModel, options: LearningOptions) -> None:
        """Make the optimiser of the weights that may learn.

        Raises:
            OptionError: none may, or one is in half precision.
        """
        self.model, self.options, self.steps = model, options, 0
        self._weights: list[nn.Parameter] = [weight for weight in model.model.parameters() if weight.requires_grad]
        if not self._weights:
            raise OptionError("no weight of the model may learn (requires_grad)")
        if any(weight.dtype in (torch.bfloat16, torch.float16) for weight in self._weights):
            raise OptionError("weights in half precision lose small updates; load the model with dtype='float32'")
        fused = model.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(self._weights, lr=options.learning_rate, weight_decay=options.weight_decay, betas=(0.9, 0.999), fused=fused)

    def reference_sums(self, chains: Sequence[Spanned], reference: CausalModel | None = None) -> list[Tensor]:
        """[T] float32 each, on the CPU: the sum over the tokens of each step of the log-probability.

        Args:
            chains: in tokens.
            reference: whose; of the model as it is now unless given.
        """
        found: dict[int, Tensor] = {}
        with torch.no_grad(), self.precision():
            for part in length_sorted([len(chain.token_ids) for chain in chains], self.options.batch_tokens):
                batch = collate([chains[at] for at in part], self.model.device)
                sums = step_sums((reference or self.model).logprobs(batch), batch).cpu()
                for at in part:
                    found[at], sums = sums[: len(chains[at].spans)], sums[len(chains[at].spans) :]
        return [found[at] for at in range(len(chains))]

    def scores(self, examples: Sequence[Example]) -> Tensor:
        """[M] float32, on the CPU: S of each trajectory as the model is now."""
        found = torch.zeros(len(examples))
        with torch.no_grad():
            for part in self._parts(examples):
                found[part] = self._scores([examples[at] for at in part]).cpu()
        return found

    def step(self, examples: Sequence[Example], rate: float = 1.0) -> Learned:
        """One gradient step on the loss of the whole batch.

        Where the batch does not fit `batch_tokens` at once, the scores are taken first without gradients, the loss is differentiated in them, and the parts
        of the batch are run again with these weights: the gradient is that of the whole batch, pairs across parts included. No step is taken where there is
        no pair to learn from, or where the gradient is not finite.

        Args:
            examples: at least one.
            rate: multiplies the learning rate, for schedules.
        """
        outcomes = torch.tensor([example.outcome for example in examples], device=self.model.device)
        groups = torch.tensor([example.group for example in examples], device=self.model.device)
        if self.options.objective == "dpo" and pairs_of(outcomes, groups)[0].numel() == 0:
            return Learned(0.0, math.nan, 0, len(examples), 0, 0.0)
        parts = self._parts(examples)
        self.optimizer.zero_grad(set_to_none=True)
        if len(parts) == 1:
            scores = self._scores([examples[at] for at in parts[0]])
            order = torch.tensor(parts[0], device=self.model.device)
            loss = loss_of(self.options.objective, scores, outcomes[order], groups[order])
            _backward(loss)
            scores = torch.zeros_like(scores).index_copy(0, order, scores.detach())
        else:
            scores = self.scores(examples).to(self.model.device).requires_grad_()
            loss = loss_of(self.options.objective, scores, outcomes, groups)
            (weights,) = torch.autograd.grad(loss, scores)
            for part in parts:
                _backward((self._scores([examples[at] for at in part]) * weights[part]).sum())
        norm = nn.utils.clip_grad_norm_(self._weights, self.options.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * rate
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
        self.steps += 1
        accuracy, pairs = self._accuracy(scores.detach(), outcomes, groups)
        tokens = sum(len(example.tokens.token_ids) for example in examples)
        return Learned(float(loss.detach()), accuracy, pairs, len(examples), tokens, float(norm))

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights that learn, on the CPU."""
        return {name: weight.detach().to("cpu", copy=True) for name, weight in self.model.model.named_parameters() if weight.requires_grad}

    def put(self, weights: dict[str, Tensor]) -> None:
        """Put back what `weights` gave."""
        named = dict(self.model.model.named_parameters())
        with torch.no_grad():
            for name, weight in weights.items():
                named[name].copy_(weight)

    def state(self) -> dict[str, Any]:
        """Weights that learn, optimiser and count of steps."""
        return {"weights": self.weights(), "optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        self.put(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = int(state["steps"])

    def precision(self) -> Any:
        """bfloat16 products on CUDA; nothing on the CPU."""
        return torch.autocast("cuda", dtype=torch.bfloat16) if self.model.device.type == "cuda" else nullcontext()

    def _parts(self, examples: Sequence[Example]) -> list[list[int]]:
        return length_sorted([len(example.tokens.token_ids) for example in examples], self.options.batch_tokens)

    def _scores(self, examples: Sequence[Example]) -> Tensor:
        batch = collate([example.tokens for example in examples], self.model.device)
        with self.precision():
            sums = step_sums(self.model.logprobs(batch), batch)
        reference = torch.cat([example.reference for example in examples]).to(self.model.device, non_blocking=True)
        return trajectory_scores(self.options.beta * (sums - reference), _chains(batch, examples), len(examples), self.options.combine)

    def _accuracy(self, scores: Tensor, outcomes: Tensor, groups: Tensor) -> tuple[float, int]:
        if self.options.objective == "cross-entropy":
            return float(((scores > 0) == (outcomes >= 0.5)).float().mean()), 0
        winners, losers = pairs_of(outcomes, groups)
        return (float((scores[winners] > scores[losers]).float().mean()) if winners.numel() else math.nan), int(winners.numel())


def _chains(batch: Batch, examples: Iterable[Example]) -> Tensor:
    """[S] int64, the trajectory of each step."""
    found = [at for at, example in enumerate(examples) for _ in example.tokens.spans]
    return torch.tensor(found, dtype=torch.int64).to(batch.ids.device)


def _backward(loss: Tensor) -> None:
    cast("Any", loss).backward()
