"""Tokens a second of sampling and of training, against plain `transformers.generate` and naive padded loops, in the same run with the same weights.

    python benchmarks/agents/throughput/run.py [--size small] [--device cpu|cuda] [--dtype float32|bfloat16] [--parts writing choosing updating]
        [--batches 1 8 32] [--steps 1 5 10 20] [--tokens 16] [--repeats 3] [--compile] [--out results.json]

Weights and episodes are drawn with seed 0. Ways that are compared take turns (A B C A B C ...), after one round that is not counted and in which their results
are compared. Times are medians over the rounds, with the lowest and the highest: seconds of the processor on the CPU (other work of the machine does not
count), and with the queue drained on CUDA. Seconds of the wall clock are in the file.
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from decoders import SIZES, Peaks, Spent, decoder, most_memory, peaks, spent, weights_of
from sampling import Choosing, Played, Writing, same_share
from sampling import episodes as acting_episodes
from updating import EPISODE_ROWS, LEARNER, RECOMPUTED, STEP_ROWS, gradient_of, operations, update
from updating import episodes as learning_episodes

PARTS = ("writing", "choosing", "updating")
LISTED = 16  # actions


class Row(NamedTuple):
    """What a way took.

    Attributes:
        part: writing, choosing or updating.
        case: of what size.
        way: how.
        useful: tokens that were written, chosen, or learned from; the same for all ways of a case.
        read: tokens that went through the model, padding included.
        per_second: useful tokens a second, median.
        slowest: the lowest.
        fastest: the highest.
        wall: median of the seconds of the wall clock.
        megabytes: taken at the most; None where it was not measured.
        same: share of the tokens that are those of the first way; of a gradient the distance from the first way's.
        share: of the peak that bounds it: for writing the bandwidth (of reading the weights once a step of the batch), for updating the products.
    """

    part: str
    case: str
    way: str
    useful: int
    read: int
    per_second: float
    slowest: float
    fastest: float
    wall: float
    megabytes: float | None
    same: float
    share: float | None


class Bench:
    """Runs ways in turns on one model."""

    def __init__(self, given: argparse.Namespace) -> None:
        """Make the model, and measure the machine."""
        self.given = given
        self.device = torch.device(given.device)
        self.model = decoder(given.size, given.device, given.dtype)
        self.vocabulary = int(self.model.config.vocab_size)
        self.layers, self.head = weights_of(self.model)
        self.peaks: Peaks = peaks(self.device, given.dtype)
        self.rows: list[Row] = []

    def turns(self, ways: Mapping[str, Callable[[], Any]]) -> dict[str, list[Spent]]:
        """Run each way once a round."""
        found: dict[str, list[Spent]] = {way: [] for way in ways}
        for _ in range(self.given.repeats):
            for way, work in ways.items():
                found[way].append(spent(work, self.device))
        return found

    def acting(self, part: str, case: str, ways: Mapping[str, Callable[[], Played]], forwards: int) -> None:
        """Compare ways to act; `forwards` with weights read once are the least that a batch needs, 0 where bandwidth is not what bounds it."""
        results: dict[str, Played] = {}
        memory: dict[str, float] = {}
        for way, work in ways.items():

            def kept(way: str = way, work: Callable[[], Played] = work) -> None:
                results[way] = work()

            if self.device.type == "cuda":
                memory[way] = most_memory(kept, self.device)
            else:
                kept()
        first = next(iter(results.values()))
        for way, taken in self.turns(ways).items():
            useful = sum(len(tokens) for step in results[way].actions for tokens in step)
            bytes_read = forwards * (self.layers + self.head) * next(self.model.parameters()).element_size()
            share = bytes_read / self._seconds(taken) / self.peaks.bandwidth if forwards else None
            self._add(part, case, way, useful, results[way].read, taken, memory.get(way), same_share(first, results[way]), share)

    def writing(self) -> None:
        """Free text."""
        given = self.given
        writing = Writing(self.model, given.tokens, given.compile)
        for batch in given.batches:
            for steps in given.steps:
                played = acting_episodes(batch, steps, self.vocabulary, 1)
                ways: dict[str, Callable[[], Played]] = {"generate, a batch": lambda e=played, b=batch: writing.generated(e, b)}
                if batch > 1 and not given.no_single:
                    ways["generate, one at a time"] = lambda e=played: writing.generated(e, 1)
                ways["ours"] = lambda e=played: writing.ours(e)
                if given.compile:
                    ways["ours, compiled"] = lambda e=played: writing.ours(e, compiled=True)
                self.acting("writing", f"batch {batch}, {steps} steps", ways, steps * given.tokens)

    def choosing(self) -> None:
        """Listed actions."""
        choosing = Choosing(self.model)
        for batch in self.given.batches:
            for steps in self.given.steps:
                played = acting_episodes(batch, steps, self.vocabulary, LISTED)
                ways: dict[str, Callable[[], Played]] = {
                    "every candidate whole": lambda e=played: choosing.scored(e),
                    "ours": lambda e=played: choosing.ours(e),
                }
                self.acting("choosing", f"batch {batch}, {steps} steps", ways, 0)

    def updating(self) -> None:
        """The gradient of an update."""
        given = self.given
        sequences, steps = learning_episodes(given.episodes, self.vocabulary)
        advantages = np.random.default_rng(1).standard_normal(steps)
        useful = sum(each.actions[-1].stop for each in sequences)
        needed = operations(self.model, sequences, self.layers)
        names = (STEP_ROWS, EPISODE_ROWS, LEARNER, RECOMPUTED)
        model = self.model if given.dtype == "float32" else decoder(given.size, given.device, "float32")
        updates = {name: update(name, model, sequences, advantages, given.budget, given.dtype) for name in names}
        memory: dict[str, float] = {}
        known: torch.Tensor | None = None
        apart: dict[str, float] = {}
        for name, each in updates.items():
            each.work()
            gradient = gradient_of(model)
            known = gradient if known is None else known
            apart[name] = float((gradient - known).norm() / known.norm())
            model.zero_grad(set_to_none=True)
            memory[name] = most_memory(each.work, self.device)
        for name, taken in self.turns({name: each.work for name, each in updates.items()}).items():
            share = needed / self._seconds(taken) / self.peaks.flops
            self._add("updating", f"{given.episodes} episodes", name, useful, updates[name].padded, taken, memory[name], apart[name], share)

    def _seconds(self, taken: list[Spent]) -> float:
        """Of one run; the processor's on the CPU, shared by the threads."""
        clock = [each.wall if self.device.type == "cuda" else each.processor / torch.get_num_threads() for each in taken]
        return statistics.median(clock)

    def _add(
        self, part: str, case: str, way: str, useful: int, read: int, taken: list[Spent], megabytes: float | None, same: float, share: float | None
    ) -> None:
        rates = sorted(useful / self._seconds([each]) for each in taken)
        wall = statistics.median(each.wall for each in taken)
        self.rows.append(Row(part, case, way, useful, read, statistics.median(rates), rates[0], rates[-1], wall, megabytes, same, share))
        print(line(self.rows), flush=True)


def line(rows: list[Row]) -> str:
    """The last row in words."""
    row = rows[-1]
    base = next(each for each in rows if each.part == row.part and each.case == row.case)
    share = "" if row.share is None else f"{row.share:.1%}"
    memory = "" if row.megabytes is None else f"{row.megabytes:,.0f}"
    same = f"{row.same:.0e}" if row.part == "updating" else f"{row.same:.2%}"
    return (
        f"| {row.part} | {row.case} | {row.way} | {row.read:,} | {row.per_second:,.0f} ({row.slowest:,.0f} to {row.fastest:,.0f}) "
        f"| {row.per_second / base.per_second:.1f} | {memory} | {same} | {share} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the weights that act, and of products in an update")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--steps", nargs="+", type=int, default=[1, 5, 10, 20], help="of the environment")
    parser.add_argument("--tokens", type=int, default=16, help="of an action that is written")
    parser.add_argument("--episodes", type=int, default=32, help="of an update")
    parser.add_argument("--budget", type=int, default=4096, help="tokens with padding that go through the model at once in an update")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-single", action="store_true", help="leave out generate with one context at a time")
    parser.add_argument("--compile", action="store_true", help="the policy with its step compiled as well")
    parser.add_argument("--out", default="")
    given = parser.parse_args()
    bench = Bench(given)
    card = torch.cuda.get_device_name() if bench.device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{given.size}: {bench.layers:,} weights in layers, {bench.head:,} in the head, {given.dtype}; {card}, load {os.getloadavg()[0]:.1f}")
    print(f"peaks as measured: {bench.peaks.flops / 1e9:,.0f} GFLOP/s, {bench.peaks.bandwidth / 1e9:,.1f} GB/s; {given.repeats} rounds\n")
    print("| part | case | way | tokens read | useful tokens/s | times faster | MB at the most | same tokens, or gradient apart | of the peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    for part in given.parts:
        {"writing": bench.writing, "choosing": bench.choosing, "updating": bench.updating}[part]()
    if given.out:
        said = {"torch": torch.__version__, "transformers": transformers.__version__, "options": vars(given), "peaks": bench.peaks._asdict()}
        with open(given.out, "w", encoding="utf-8") as file:
            json.dump(said | {"machine": card, "load": os.getloadavg(), "rows": [row._asdict() for row in bench.rows]}, file, indent=1)


if __name__ == "__main__":
    main()
