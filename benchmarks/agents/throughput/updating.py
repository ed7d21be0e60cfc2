"""Ways to the gradient of the same clipped loss over the same episodes: `Learner`, and what naive loops do."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from prm_gym.agents.causal_lm.learning import Learner
from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.lm.batching import length_sorted
from prm_gym.lm.sequences import ActionSpan, TokenSequence

STEP_ROWS, EPISODE_ROWS = "step a row, whole logits", "episode a row, whole logits"
LEARNER, RECOMPUTED = "learner", "learner, activations recomputed"


class Update(NamedTuple):
    """A way, ready to be run again and again.

    Attributes:
        work: computes the gradient anew, and leaves it in the weights.
        read: tokens that go through the model, without padding.
        padded: with it.
    """

    work: Callable[[], Any]
    read: int
    padded: int


def episodes(count: int, vocabulary: int, seed: int = 0) -> tuple[list[TokenSequence], int]:
    """Episodes of 3 to 12 steps, openings of about 55 tokens, actions of about 12 and observations of about 20; and how many steps there are."""
    random = np.random.default_rng(seed)
    found: list[TokenSequence] = []
    row = 0
    for _ in range(count):
        ids: list[int] = random.integers(0, vocabulary, int(random.lognormal(4.0, 0.4))).tolist()
        spans: list[ActionSpan] = []
        for _ in range(int(random.integers(3, 13))):
            action = max(1, int(random.lognormal(2.5, 0.5)))
            spans.append(ActionSpan(row, len(ids), len(ids) + action))
            row += 1
            ids += random.integers(0, vocabulary, action + max(1, int(random.lognormal(3.0, 0.5)))).tolist()
        ids = ids[: spans[-1].stop]
        found.append(TokenSequence(tuple(ids), tuple(spans), tuple((-8.0,) * (span.stop - span.start) for span in spans)))
    return found, row


def update(way: str, model: Any, sequences: Sequence[TokenSequence], advantages: np.ndarray[Any, Any], budget: int, precision: str) -> Update:
    """Prepare a way.

    Args:
        way: one of the names above.
        model: whose gradient it is.
        sequences: of whole episodes.
        advantages: [N], per step.
        budget: tokens with padding that go through the model at once.
        precision: of products of matrices, "float32" or "bfloat16".
    """
    if way in (STEP_ROWS, EPISODE_ROWS):
        rows = _by_step(sequences) if way == STEP_ROWS else list(sequences)
        batches = _as_they_arrive([len(each.ids) for each in rows], budget)
        read = sum(len(each.ids) for each in rows)
        padded = sum(len(batch) * max(len(rows[at].ids) for at in batch) for batch in batches)
        return Update(lambda: _naive(model, [[rows[at] for at in batch] for batch in batches], advantages, precision), read, padded)
    options = LearningOptions(
        batch_tokens=budget,
        advantage_scale="none",
        clip_norm=1e9,
        gradient_checkpointing=way == RECOMPUTED,
        precision="bfloat16" if precision == "bfloat16" else "float32",
    )
    learner = Learner(model, options)
    learner.optimizer.step = _nothing  # type: ignore[method-assign] # the gradient alone, as in the other ways

    def work() -> Any:
        learner.optimizer.forget()
        return learner.update(sequences, advantages)

    lengths = [sequence.actions[-1].stop for sequence in sequences]
    return Update(work, sum(lengths), sum(len(part) * lengths[part[0]] for part in length_sorted(lengths, budget)))


def gradient_of(model: Any) -> torch.Tensor:
    """All gradients as one vector in float32."""
    return torch.cat([weight.grad.flatten().float() for weight in model.parameters() if weight.grad is not None])


def operations(model: Any, sequences: Sequence[TokenSequence], layers: int) -> float:
    """Floating-point operations of a gradient in which each episode is read once and each token of an action is predicted: what is needed, not what is done.

    2 for a product and a sum, times 3 for the passes forward and backward: 6 N L + 6 V D A + 6 layers D L^2 (causal: half of the square)
    """
    head = model.get_output_embeddings().weight
    tokens = sum(each.actions[-1].stop for each in sequences)
    actions = sum(span.stop - span.start for each in sequences for span in each.actions)
    squares = sum(each.actions[-1].stop ** 2 for each in sequences)
    return 6.0 * layers * tokens + 6.0 * head.numel() * actions + 6.0 * model.config.num_hidden_layers * model.config.hidden_size * squares


def _by_step(sequences: Sequence[TokenSequence]) -> list[TokenSequence]:
    """Each step with its history as a sequence of its own."""
    return [
        TokenSequence(sequence.ids[: span.stop], (span,), (given,))
        for sequence in sequences
        for span, given in zip(sequence.actions, sequence.logprobs, strict=True)
    ]


def _as_they_arrive(lengths: Sequence[int], budget: int) -> list[list[int]]:
    batches: list[list[int]] = []
    for at, length in enumerate(lengths):
        if batches and (len(batches[-1]) + 1) * max(length, *(lengths[other] for other in batches[-1])) <= budget:
            batches[-1].append(at)
        else:
            batches.append([at])
    return batches


def _naive(model: Any, batches: Sequence[Sequence[TokenSequence]], advantages: np.ndarray[Any, Any], precision: str) -> None:
    """The gradient of the mean over action tokens, from padded batches with all their logits."""
    model.zero_grad(set_to_none=True)
    total = sum(span.stop - span.start for batch in batches for sequence in batch for span in sequence.actions)
    device = next(model.parameters()).device
    for batch in batches:
        width = max(len(each.ids) for each in batch)
        ids, mask = (torch.zeros((len(batch), width), dtype=torch.int64) for _ in range(2))
        weights, old = torch.zeros(ids.shape), torch.zeros(ids.shape)
        for row, each in enumerate(batch):
            ids[row, : len(each.ids)] = torch.tensor(each.ids)
            mask[row, : len(each.ids)] = 1
            for span, given in zip(each.actions, each.logprobs, strict=True):
                weights[row, span.start : span.stop] = float(advantages[span.row]) / total
                old[row, span.start : span.stop] = torch.tensor(given)
        ids, mask, weights, old = (tensor.to(device) for tensor in (ids, mask, weights, old))
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        logprobs = logits.log_softmax(dim=-1).gather(2, ids[:, 1:, None])[:, :, 0]
        ratio, given = (logprobs - old[:, 1:]).exp(), weights[:, 1:]
        (-torch.minimum(ratio * given, ratio.clamp(0.8, 1.2) * given).sum()).backward()


def _nothing(_factor: float) -> None:
    """In place of a step."""
