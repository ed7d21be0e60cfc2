"""The models that are timed, with random weights, and what the machine can do at most."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config


def _qwen(vocabulary: int, width: int, inner: int, layers: int, heads: int, groups: int, tied: bool) -> PretrainedConfig:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=8192,
        tie_word_embeddings=tied,
    )


def _smollm2() -> PretrainedConfig:
    return LlamaConfig(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )


# The published configurations of the models that they are named after; `small` is the decoder from scratch of the policy.
SIZES: dict[str, Callable[[], PretrainedConfig]] = {
    "small": lambda: _qwen(512, 128, 352, 4, 4, 4, tied=True),
    "smollm2-135m": _smollm2,
    "qwen2.5-0.5b": lambda: _qwen(151_936, 896, 4864, 24, 14, 2, tied=True),
    "qwen2.5-1.5b": lambda: _qwen(151_936, 1536, 8960, 28, 12, 2, tied=True),
    "qwen2.5-7b": lambda: _qwen(152_064, 3584, 18_944, 28, 28, 4, tied=False),
}


class Peaks(NamedTuple):
    """What the machine does at most, as measured.

    Attributes:
        flops: floating-point operations a second of a product of large matrices.
        bandwidth: bytes a second that a copy of a large tensor reads and writes.
    """

    flops: float
    bandwidth: float


class Spent(NamedTuple):
    """What a piece of work took.

    Attributes:
        wall: seconds.
        processor: seconds of all threads of this process on the CPU; on CUDA they are not what counts.
    """

    wall: float
    processor: float


def decoder(size: str, device: str, dtype: str, seed: int = 0) -> Any:
    """A causal model with random weights, in evaluation."""
    config = SIZES[size]()
    config.pad_token_id, config.eos_token_id, config.bos_token_id = 0, None, None
    with torch.random.fork_rng(devices=[torch.device(device)] if device.startswith("cuda") else []), torch.device(device):
        torch.manual_seed(seed)
        # torch's own attention, which takes a mask for every token
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype), attn_implementation="sdpa")
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model.eval()


def weights_of(model: Any) -> tuple[int, int]:
    """Numbers in the layers, and in the head over the vocabulary."""
    head = model.get_output_embeddings().weight.numel()
    embedding = model.get_input_embeddings().weight
    apart = 0 if model.get_output_embeddings().weight is embedding else embedding.numel()
    return sum(weight.numel() for weight in model.parameters()) - head - apart, head


def spent(work: Callable[[], Any], device: torch.device) -> Spent:
    """Run some work; on CUDA with the queue drained before and after."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    wall, processor = time.perf_counter(), time.process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return Spent(time.perf_counter() - wall, time.process_time() - processor)


def peaks(device: torch.device, dtype: str, repeats: int = 10) -> Peaks:
    """The best of some large products and copies; on the CPU by processor seconds a thread, so that other work of the machine does not count."""
    on_cuda = device.type == "cuda"
    size, numbers = (8192, 1 << 28) if on_cuda else (1024, 1 << 25)
    kind = getattr(torch, dtype)
    left, right = (torch.randn((size, size), device=device).to(kind) for _ in range(2))
    product = torch.empty((size, size), device=device, dtype=kind)
    source = torch.zeros(numbers, device=device, dtype=torch.float32)
    target = torch.empty_like(source)

    def best(work: Callable[[], Any]) -> float:
        work()
        taken = [spent(work, device) for _ in range(repeats)]
        return min(each.wall if on_cuda else each.processor / torch.get_num_threads() for each in taken)

    return Peaks(2.0 * size**3 / best(lambda: torch.mm(left, right, out=product)), 2.0 * source.nbytes / best(lambda: target.copy_(source)))


def most_memory(work: Callable[[], Any], device: torch.device) -> float:
    """Megabytes that some work took beside what stood before it, at the most."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    held = most = 0
    events: Any = profile.profiler
    for event in events.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most / 1e6
