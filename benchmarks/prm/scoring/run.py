"""What it costs to score the steps of trajectories with a process reward model, against the ways in which it is usually done.

    python benchmarks/prm/scoring/run.py [--chains 64] [--processbench FILE ...] [--device cpu|cuda] [--large] [--json]

Weights are drawn at random and the family is that of Qwen2.5-Math-PRM: what is scored means nothing, what it costs does. Seeds are fixed. Tokens are
counted; times are processor seconds on the CPU and seconds with the queue drained on CUDA, each after a warm-up, with tokenisation. The log-odds of all ways
are compared in the same run.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prm_gym.chains import Chain, written
from prm_gym.lm.batching import length_sorted, packed, padding_share
from prm_gym.prm.heads import HeadModule
from prm_gym.prm.loading import Checkpoint, load_checkpoint
from prm_gym.prm.scoring import Scorer, StepScore
from prm_gym.testing.tiny_models import tiny_checkpoint

ARRIVAL_BATCH = 16
TEXT = "so the number of eggs is 3 + 4 = 7 and we add 12 to it then half of that gives the answer which she sells for $ 2 each day"
WORDS = tuple(TEXT.split())


def ten_steps(count: int, seed: int = 0) -> list[Chain]:
    """Trajectories of ten steps; problems of 20 to 80 words, steps of 5 to 60, most of them short."""
    rng = np.random.default_rng(seed)

    def text(low: int, high: int) -> str:
        words = int(np.clip(np.exp(rng.normal(np.log((low * high) ** 0.5), 0.5)), low, high))
        return " ".join(rng.choice(WORDS, words)) + "."

    return [written(text(20, 80), [text(5, 60) for _ in range(10)]) for _ in range(count)]


def processbench(paths: Sequence[str], count: int) -> list[Chain]:
    """The first solutions of ProcessBench files, as they arrive."""
    rows = [row for path in paths for row in json.loads(Path(path).read_text(encoding="utf-8"))]
    return [written(row["problem"], row["steps"]) for row in rows[:count]]


def beginnings(chains: Sequence[Chain]) -> list[Chain]:
    """Every beginning of every chain: what is scored where only the last step of a text is read."""
    return [Chain(chain.problem, chain.steps[:steps]) for chain in chains for steps in range(1, len(chain) + 1)]


class Bench:
    """Runs ways of scoring on one checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take the checkpoint."""
        self.checkpoint = checkpoint
        self.on_cuda = checkpoint.device.startswith("cuda")

    def plain(self, **options: Any) -> Scorer:
        """A scorer that remembers nothing."""
        return Scorer(self.checkpoint, cached_steps=0, prefix_megabytes=0, **options)

    def run(self, name: str, scorer: Scorer, work: Callable[[Scorer], list[StepScore]]) -> dict[str, Any]:
        """Counts and time of one way, and its scores."""
        if self.on_cuda:
            torch.cuda.synchronize()
        clock = time.perf_counter if self.on_cuda else time.process_time
        started = clock()
        found = work(scorer)
        if self.on_cuda:
            torch.cuda.synchronize()
        seconds, usage = clock() - started, scorer.usage
        scores = [step.outputs[1] - step.outputs[0] if step.outputs else float("nan") for step in found]
        share = usage.padding / (usage.padding + usage.tokens)
        counts = {"way": name, "steps": len(found), "forwards": usage.forwards, "tokens": usage.tokens, "padding": share, "reused": usage.reused}
        return counts | {"seconds": seconds, "scores": scores}

    def compare(self, chains: Sequence[Chain]) -> list[dict[str, Any]]:
        """The ways on whole trajectories, and on trajectories that grow step by step."""

        def whole(scorer: Scorer) -> list[StepScore]:
            return [step for steps in scorer.score(chains) for step in steps]

        def last_steps(scorer: Scorer) -> list[StepScore]:
            return [steps[-1] for steps in scorer.score(beginnings(chains))]

        def in_order(scorer: Scorer) -> list[StepScore]:
            batches = [chains[start : start + ARRIVAL_BATCH] for start in range(0, len(chains), ARRIVAL_BATCH)]
            return [step for batch in batches for steps in scorer.score(batch) for step in steps]

        def growing(scorer: Scorer) -> list[StepScore]:
            found: dict[tuple[int, int], StepScore] = {}
            for step in range(max(map(len, chains))):
                under_way = [at for at in range(len(chains)) if len(chains[at]) > step]
                parts = [Chain(chains[at].problem, chains[at].steps[: step + 1]) for at in under_way]
                found |= {(at, step): steps[-1] for at, steps in zip(under_way, scorer.score(parts), strict=True)}
            return [found[key] for key in sorted(found)]

        unlimited = 1 << 40  # every batch that is handed over is one forward
        whole(self.plain())
        rows = [
            self.run("a forward a step", self.plain(), last_steps),
            self.run("one forward a trajectory, sorted by length", self.plain(), whole),
            self.run(f"one forward a trajectory, {ARRIVAL_BATCH} as they arrive", self.plain(batch_tokens=unlimited), in_order),
            self.run("one forward a trajectory, packed", self.plain(packing=True), whole),
            self.run("growing by a step, all read again", Scorer(self.checkpoint, prefix_megabytes=0), growing),
            self.run("growing by a step, prefixes kept", Scorer(self.checkpoint, prefix_megabytes=4096), growing),
        ]
        expected = np.array(rows[0]["scores"])
        rows[0]["spread"] = float(np.nanstd(expected))
        return [row | {"apart": float(np.nanmax(np.abs(np.array(row.pop("scores")) - expected)))} for row in rows]


def padding_of(checkpoint: Checkpoint, chains: Sequence[Chain]) -> dict[str, float]:
    """Share of padding by the way of batching, from lengths alone."""
    lengths = [len(checkpoint.family.encode(checkpoint.tokenizer, chain).token_ids) for chain in chains]
    arrival = [list(range(start, min(start + ARRIVAL_BATCH, len(lengths)))) for start in range(0, len(lengths), ARRIVAL_BATCH)]
    rows = packed(lengths, 4096)
    return {
        "mean tokens": statistics.fmean(lengths),
        "most tokens": float(max(lengths)),
        f"{ARRIVAL_BATCH} as they arrive": padding_share(lengths, arrival),
        "sorted, 16,384 tokens a batch": padding_share(lengths, length_sorted(lengths, 16_384)),
        "sorted, 4,096 tokens a batch": padding_share(lengths, length_sorted(lengths, 4_096)),
        "packed, rows of 4,096": 1.0 - sum(lengths) / sum(max(4096, sum(lengths[at] for at in row)) for row in rows),
    }


def large(small: Checkpoint) -> dict[str, Any]:
    """Tokens a second of a model of 1.5 billion weights, and their share of what the card multiplies at most."""
    from transformers import Qwen2Config, Qwen2Model

    config = Qwen2Config(
        vocab_size=151_936,
        hidden_size=1536,
        intermediate_size=8960,
        num_hidden_layers=28,
        num_attention_heads=12,
        num_key_value_heads=2,
        max_position_embeddings=4096,
    )
    with torch.device("cuda"):
        torch.manual_seed(0)
        backbone: Any = Qwen2Model(config)
        backbone = backbone.to(torch.bfloat16).eval().requires_grad_(False)
        head = HeadModule(torch.nn.Linear(1536, 2)).requires_grad_(False)
    checkpoint = Checkpoint("large", small.directory, "", small.family, small.tokenizer, backbone, head, "cuda", 4096, config.vocab_size)
    weights = sum(weight.numel() for name, weight in backbone.named_parameters() if "embed" not in name)
    peak = matrix_peak()
    found: dict[str, Any] = {"card": torch.cuda.get_device_name(), "weights without embeddings": weights, "peak TFLOP/s": peak / 1e12, "rows": []}
    chains = ten_steps(512, seed=1)
    bench = Bench(checkpoint)
    bench.plain().score(chains)
    for batch_tokens in (16_384, 65_536):
        row = bench.run(
            f"{batch_tokens:,} tokens a batch",
            bench.plain(batch_tokens=batch_tokens),
            lambda scorer: [step for steps in scorer.score(chains) for step in steps],
        )
        row.pop("scores")
        lengths = [len(small.family.encode(small.tokenizer, chain).token_ids) for chain in chains]
        work = sum(2 * weights * length + 2 * config.num_hidden_layers * config.hidden_size * length**2 for length in lengths)
        found["rows"].append(row | {"tokens/s": row["tokens"] / row["seconds"], "share of the peak": work / row["seconds"] / peak})
    found["growing"] = Bench(checkpoint).compare(ten_steps(64, seed=2))
    return found


def matrix_peak(size: int = 8192, repeats: int = 20) -> float:
    """Floating-point operations a second of the best of some products of large bfloat16 matrices."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        torch.matmul(a, b)
        end.record()
        torch.cuda.synchronize()
        best = min(best, start.elapsed_time(end) / 1e3)
    return 2 * size**3 / best


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The ways in lines."""
    lines = ["| way | forwards | tokens | times fewer | padding | reused | seconds | times faster | log-odds apart |", "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        fewer, faster = rows[0]["tokens"] / row["tokens"], rows[0]["seconds"] / row["seconds"]
        lines.append(
            f"| {row['way']} | {row['forwards']:,} | {row['tokens']:,} | {fewer:.1f} | {row['padding']:.1%} | {row['reused']:,} | {row['seconds']:.2f} "
            f"| {faster:.1f} | {row['apart']:.1e} |"
        )
    return "\n".join([*lines, f"\nThe log-odds spread by {rows[0]['spread']:.2f}."])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=64, help="trajectories of each kind")
    parser.add_argument("--processbench", nargs="*", default=[], help="files of ProcessBench (a JSON list of rows)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--hidden", type=int, default=256, help="width of the model on the CPU")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--large", action="store_true", help="on CUDA: a model of 1.5 billion weights as well")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes: Any = {
            "hidden_size": options.hidden,
            "intermediate_size": 4 * options.hidden,
            "num_hidden_layers": options.layers,
            "max_position_embeddings": 8192,
        }
        directory = tiny_checkpoint("qwen", Path(folder) / "model", initializer_range=0.05, **sizes)
        checkpoint = load_checkpoint(str(directory), device=options.device)
        kinds = {"ten steps": ten_steps(options.chains)}
        if options.processbench:
            kinds["ProcessBench"] = processbench(options.processbench, options.chains)
        found: dict[str, Any] = {"device": checkpoint.device, "threads": torch.get_num_threads(), "chains": options.chains}
        for kind, chains in kinds.items():
            found[kind] = {"rows": Bench(checkpoint).compare(chains), "padding": padding_of(checkpoint, chains)}
        if options.large:
            if not torch.cuda.is_available():
                parser.error("--large needs CUDA, and torch finds none here")
            found["large"] = large(checkpoint)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{found['device']}, {found['threads']} threads, {options.chains} trajectories of each kind")
    for kind in kinds:
        print(f"\n{kind}\n\n{table(found[kind]['rows'])}\n")
        print("\n".join(f"{name}: {value:.3g}" if value >= 1 else f"{name}: {value:.1%}" for name, value in found[kind]["padding"].items()))
    if options.large:
        said = found["large"]
        print(f"\n{said['card']}: {said['weights without embeddings']:,} weights, {said['peak TFLOP/s']:.0f} TFLOP/s at most")
        for row in said["rows"]:
            print(f"{row['way']}: {row['tokens/s']:,.0f} tokens/s, {row['share of the peak']:.1%} of the peak, padding {row['padding']:.1%}")
        print(f"\n{table(said['growing'])}")


if __name__ == "__main__":
    main()
