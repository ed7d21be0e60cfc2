"""What an update of a causal language model costs: tokens, padding, memory and time, against naive loops in the same run.

    python benchmarks/agents/learning/run.py [--episodes 32] [--vocabulary 32000] [--device cuda] [--width 1024 --layers 24] [--json]

Four ways to the gradient of the same clipped loss over the same episodes (drawn with seed 0; lengths of actions and observations are log-normal):

    step, whole logits       every step with its history is a row of its own; rows in order of arrival, padded; logits of the whole batch
    episode, whole logits    an episode is one row, read once; in order of arrival, padded; logits of the whole batch
    learner                  an episode is one row; rows by length; only tokens of actions go through the head, a slice at a time
    learner, recomputed      likewise, and the activations of layers are computed again in the backward pass

Seconds are of the processor on the CPU, and with the queue drained on CUDA. Memory is the most that the update took beside what stood before it.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers

from prm_gym.agents.causal_lm.learning import Learner
from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.lm.batching import length_sorted
from prm_gym.lm.sequences import ActionSpan, TokenSequence

BUDGET = 4096  # tokens with padding that go through the model at once, in every way


class Cost(NamedTuple):
    """Of an update."""

    way: str
    tokens: int
    padding: float
    megabytes: float
    seconds: float
    difference: float


def episodes(count: int, vocabulary: int) -> tuple[list[TokenSequence], int]:
    """Episodes of 3 to 12 steps."""
    random = np.random.default_rng(0)
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


def by_step(sequences: Sequence[TokenSequence]) -> list[TokenSequence]:
    """Each step with its history as a sequence of its own."""
    return [
        TokenSequence(sequence.ids[: span.stop], (span,), (given,))
        for sequence in sequences
        for span, given in zip(sequence.actions, sequence.logprobs, strict=True)
    ]


def naive(model: Any, sequences: Sequence[TokenSequence], advantages: np.ndarray[Any, Any]) -> tuple[int, int]:
    """The gradient of the mean over action tokens, from padded batches in order of arrival with all their logits; tokens read, and with padding."""
    total = sum(span.stop - span.start for sequence in sequences for span in sequence.actions)
    device = next(model.parameters()).device
    read = padded = 0
    at = 0
    while at < len(sequences):
        size = 1
        while at + size < len(sequences) and (size + 1) * max(len(each.ids) for each in sequences[at : at + size + 1]) <= BUDGET:
            size += 1
        batch = sequences[at : at + size]
        at += size
        width = max(len(each.ids) for each in batch)
        ids = torch.zeros((size, width), dtype=torch.int64)
        weights, old = torch.zeros((size, width)), torch.zeros((size, width))
        mask = torch.zeros((size, width), dtype=torch.int64)
        for row, each in enumerate(batch):
            ids[row, : len(each.ids)] = torch.tensor(each.ids)
            mask[row, : len(each.ids)] = 1
            for span, given in zip(each.actions, each.logprobs, strict=True):
                weights[row, span.start : span.stop] = float(advantages[span.row]) / total
                old[row, span.start : span.stop] = torch.tensor(given)
        ids, mask, weights, old = (tensor.to(device) for tensor in (ids, mask, weights, old))
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        logprobs = logits.log_softmax(dim=-1).gather(2, ids[:, 1:, None])[:, :, 0]
        ratio, given = (logprobs - old[:, 1:]).exp(), weights[:, 1:]
        (-torch.minimum(ratio * given, ratio.clamp(0.8, 1.2) * given).sum()).backward()
        read += int(mask.sum())
        padded += ids.numel()
    return read, padded


def most_memory(work: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """Megabytes that the work took beside what stood before it, at the most; and what it returned."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = work()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 1e6, result
    with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        result = work()
    held = most = 0
    events: Any = profile.profiler
    for event in events.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most / 1e6, result


def timed(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds of the work."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    started = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - started


def nothing(_factor: float) -> None:
    """In place of a step."""


def gradient_of(model: Any) -> torch.Tensor:
    """All gradients as one vector."""
    return torch.cat([weight.grad.flatten().float() for weight in model.parameters() if weight.grad is not None])


def measured(way: str, make: Callable[[], Any], sequences: Sequence[TokenSequence], advantages: np.ndarray[Any, Any], known: torch.Tensor | None) -> Any:
    """The cost of a way, and its gradient."""
    model = make()
    device = next(model.parameters()).device
    if way.startswith("learner"):
        options = LearningOptions(batch_tokens=BUDGET, advantage_scale="none", clip_norm=1e9, gradient_checkpointing=way.endswith("recomputed"))
        learner = Learner(model, options)
        learner.optimizer.step = nothing  # type: ignore[method-assign] # the gradient alone, as in the other ways

        def work() -> Any:
            model.zero_grad(set_to_none=True)
            return learner.update(sequences, advantages)

        work()
        lengths = [sequence.actions[-1].stop for sequence in sequences]
        tokens = sum(lengths)
        padded = sum(len(part) * lengths[part[0]] for part in length_sorted(lengths, BUDGET))
    else:
        rows = by_step(sequences) if way.startswith("step") else sequences

        def work() -> Any:
            model.zero_grad(set_to_none=True)
            return naive(model, rows, advantages)

        tokens, padded = work()
    megabytes, _ = most_memory(work, device)
    seconds = timed(work, device)
    gradient = gradient_of(model)
    apart = 0.0 if known is None else float((gradient - known).norm() / known.norm())
    return Cost(way, tokens, 1.0 - tokens / padded, megabytes, seconds, apart), gradient


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("episodes", 32), ("vocabulary", 32_000), ("width", 128), ("layers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    def make() -> Any:
        torch.manual_seed(0)
        config = transformers.Qwen2Config(
            vocab_size=given.vocabulary,
            hidden_size=given.width,
            intermediate_size=given.width * 3,
            num_hidden_layers=given.layers,
            num_attention_heads=given.width // 64,
            num_key_value_heads=given.width // 64,
            tie_word_embeddings=True,
        )
        kind: Any = transformers.Qwen2ForCausalLM
        return kind(config).eval().to(given.device, torch.float32)

    sequences, count = episodes(given.episodes, given.vocabulary)
    advantages = np.random.default_rng(1).standard_normal(count)
    costs: list[Cost] = []
    known: torch.Tensor | None = None
    for way in ("step, whole logits", "episode, whole logits", "learner", "learner, recomputed"):
        cost, gradient = measured(way, make, sequences, advantages, known)
        known = gradient if known is None else known
        costs.append(cost)
    if given.json:
        print(json.dumps({"threads": torch.get_num_threads(), "costs": [cost._asdict() for cost in costs]}, indent=1))
        return
    print("| way | tokens | padding | MB at the most | seconds | times faster | gradient apart |\n|---|---|---|---|---|---|---|")
    for cost in costs:
        print(
            f"| {cost.way} | {cost.tokens:,} | {cost.padding:.1%} | {cost.megabytes:,.0f} | {cost.seconds:.2f} | {costs[0].seconds / cost.seconds:.1f} "
            f"| {cost.difference:.0e} |"
        )


if __name__ == "__main__":
    main()
