"""Training with each credit assigner on small problems, where success is known exactly after every update: nothing is estimated but the gradient.

python benchmarks/credit/gradient/learning.py [--out learning.jsonl] [--plot learning.png] [--json] [--quick]
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from gradient_estimates import estimates, sample
from learning_tables import BASELINE, DOSE_ENDS, DOSED, draw, tables
from tabular_problems import (
    Problem,
    exact,
    harder_lattice,
    harder_long,
    harder_loop,
    harder_proof,
    harder_tree,
    judged,
    random_policy,
)

from prm_gym.credit import ASSIGNERS, find_assigner
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.pipeline import OF_THE_RUN
from prm_gym.progress import progress

RATES = (0.4, 0.8, 1.6, 3.2, 6.4)
"""Lengths of a step that are tried; each assigner has the one that is best for it on the tuning seeds of the problem."""
BEYOND = 4
"""How often the rates may go on by doubling or halving, as long as the last of them is the best."""
TUNING = 1000
"""First of the tuning seeds, which are none of the seeds that are reported."""
SPECS = (
    *(name for name in ASSIGNERS.names() if name not in {"pass_at_k"}),  # it has another objective
    "reinforce?baseline=batch",
    "reinforce?gamma=0.9",
    "gigpo?gamma=1",
    "gigpo?normalize=mean_std",
    "salt?base=rloo",
    "zero_variance|grpo",
    "rloo|whiten",
)


def apart(problem: Problem) -> Problem:
    """The same problem, but no two situations after the first look the same."""
    return replace(problem, name=f"{problem.name}-apart", summary=f"{problem.summary}; no two situations look alike", unique_keys=True)


def verdicts(name: str, false_positives: float, false_negatives: float, fixed: bool = True) -> Callable[[int], Problem]:
    """`proof` with a verifier of truth that errs at these rates; with `fixed` always on the same steps, which each seed draws for itself."""
    return lambda seed: judged(harder_proof(), name, "proof with a verdict on the truth of every step", false_positives, false_negatives, fixed, draw=seed)


def scores(name: str, false_positives: float, false_negatives: float) -> Callable[[int], Problem]:
    """The same, paid for the outcome alone: verdicts are scores and labels beside it, for what turns them into credit by itself."""
    paid = verdicts(name, false_positives, false_negatives)
    return lambda seed: replace(paid(seed), summary="proof with a verdict on the truth of every step that is not paid for", paid=False)


PROBLEMS: dict[str, Callable[[int], Problem]] = {
    "lattice": lambda _: harder_lattice(),
    "lattice-apart": lambda _: apart(harder_lattice()),
    "tree": lambda _: harder_tree(),
    "loop": lambda _: harder_loop(),
    "loop-apart": lambda _: apart(harder_loop()),
    "long": lambda _: harder_long(),
    "long-apart": lambda _: apart(harder_long()),
    "proof": lambda _: harder_proof(),
    "dense": verdicts("dense", 0.0, 0.0),
    "dense-random": verdicts("dense-random", 0.2, 0.2, fixed=False),
    "dense-accepts": verdicts("dense-accepts", 0.2, 0.0),
    "dense-refuses": verdicts("dense-refuses", 0.0, 0.2),
    "dense-both": verdicts("dense-both", 0.2, 0.2),
    "scored": scores("scored", 0.0, 0.0),
    "scored-accepts": scores("scored-accepts", 0.2, 0.0),
    "scored-refuses": scores("scored-refuses", 0.0, 0.2),
    "scored-both": scores("scored-both", 0.2, 0.2),
    "accepts-10": verdicts("accepts-10", 0.1, 0.0),
    "accepts-40": verdicts("accepts-40", 0.4, 0.0),
    "refuses-10": verdicts("refuses-10", 0.0, 0.1),
    "refuses-40": verdicts("refuses-40", 0.0, 0.4),
    "both-10": verdicts("both-10", 0.1, 0.1),
    "both-40": verdicts("both-40", 0.4, 0.4),
}

HARD = frozenset(name for name in PROBLEMS if name == "proof" or name.startswith(("dense", "scored", "accepts", "refuses", "both")))
"""Problems on which some seeds stay at no success for good, so that it takes more of them to choose a rate."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides a run beside its name; a stored run counts only under the same.

    Attributes:
        updates: of the policy, each from a fresh batch.
        attempts: at each of the four tasks, in a batch.
        every: updates between two looks at the success.
    """

    updates: int
    attempts: int
    every: int


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Attributes:
        problem: its name.
        spec: of the assigner.
        rate: learning rate.
        seed: of policy, attempts and a verifier's mistakes.
        settings: see `Settings`.
        curve: expected outcome, exact, before the first update and then after every `every` of them.
        seconds: of processor time.
    """

    problem: str
    spec: str
    rate: float
    seed: int
    settings: dict[str, int]
    curve: list[float]
    seconds: float


class Ascent:
    """Gradient ascent whose steps have the given length in the mean: divided by the running root mean square of the gradients' lengths.

    The scale of the advantages does not matter to it, as it does not to Adam. But Adam scales every parameter by itself, which in a table (where each situation
    has parameters of its own) takes most of the noise out that estimates differ in; a network shares its parameters between situations, and has no such luck.
    """

    def __init__(self, rate: float, memory: float = 0.95) -> None:
        self.rate, self.memory = rate, memory
        self.square = self.weight = 0.0

    def step(self, gradient: FloatArray) -> FloatArray:
        """What to add to the parameters; nothing as long as all gradients were 0."""
        self.square = self.memory * self.square + (1.0 - self.memory) * float((gradient**2).sum())
        self.weight = self.memory * self.weight + (1.0 - self.memory)
        return np.zeros_like(gradient) if self.square == 0.0 else self.rate * gradient / np.sqrt(self.square / self.weight)


def train(name: str, spec: str, rate: float, seed: int, settings: Settings) -> Run:
    """One training; the first policy and the verifier's mistakes are those of the seed, for every assigner."""
    start = time.process_time()
    problem = PROBLEMS[name](seed)
    logits = random_policy(problem, np.random.default_rng([seed, 0]))
    rng, optimiser = np.random.default_rng([seed, 1]), Ascent(rate)
    chosen, given = find_assigner(spec)
    curve = [exact(problem, logits).expected]
    for update in range(settings.updates):
        sampled = sample(problem, logits, 1, settings.attempts, rng)
        told = {"training_step": update, "training_progress": update / settings.updates, "seed": seed}
        credit = chosen(sampled.batches[0], **given, **{option: told[option] for option in OF_THE_RUN if option in chosen.options and option not in given})
        advantages = np.where(credit.keep, credit.advantages, 0.0)
        logits = logits + optimiser.step(estimates(sampled, advantages)["attempt"].reshape(logits.shape))
        if (update + 1) % settings.every == 0:
            curve.append(exact(problem, logits).expected)
    return Run(name, spec, rate, seed, asdict(settings), [round(value, 6) for value in curve], time.process_time() - start)


def possible(name: str, spec: str) -> bool:
    """Whether roll-outs of the problem fill what the assigner needs; where scores are not paid for, whether it turns them into credit, or is the baseline."""
    problem = PROBLEMS[name](0)
    batch = sample(problem, problem.lean, 1, 2, np.random.default_rng(0)).batches[0]
    needs = set(find_assigner(spec)[0].needs)
    return needs <= set(batch.columns) and (problem.paid or bool(needs & {"score", "label"}) or spec == BASELINE)


def tuning_seeds(name: str, count: int) -> list[int]:
    """The seeds that choose the rate: so many where some seeds never get off the ground, and a third of that elsewhere, where all seeds agree."""
    return list(range(TUNING, TUNING + (count if name in HARD else max(1, count // 3))))


def cell(name: str, spec: str, seeds: Sequence[int], tuning: Sequence[int], settings: Settings, done: Sequence[Run]) -> list[Run]:
    """What is missing of one assigner on one problem: every rate on the tuning seeds, and the best of them on the others."""
    known = {(run.rate, run.seed): run for run in done}
    new: list[Run] = []

    def get(rate: float, seed: int) -> Run:
        if (rate, seed) not in known:
            known[rate, seed] = train(name, spec, rate, seed, settings)
            new.append(known[rate, seed])
        return known[rate, seed]

    best = best_rate(lambda rate: float(np.mean([np.mean(get(rate, seed).curve) for seed in tuning])))
    for seed in seeds:
        get(best, seed)
    return new


def best_rate(measured: Callable[[float], float]) -> float:
    """The rate with the largest measure, the smallest of such; the ladder goes on beyond an end of `RATES` as long as that is better than all before."""
    tried = {rate: measured(rate) for rate in RATES}
    for end, factor in ((max(RATES), 2.0), (min(RATES), 0.5)):
        for further in range(1, BEYOND + 1):
            last = end * factor ** (further - 1)
            if any(value >= tried[last] for rate, value in tried.items() if rate != last):
                break
            tried[end * factor**further] = measured(end * factor**further)
    return max(sorted(tried), key=lambda rate: tried[rate])


def study(options: argparse.Namespace, settings: Settings, done: list[Run]) -> Iterator[tuple[list[Run], int, int]]:
    """The runs that are missing, a cell at a time, with how many cells of how many are done."""
    problems: list[str] = options.problems
    specs: list[str] = options.specs
    seeds = list(range(options.seeds))
    cells = [(name, spec) for name in problems for spec in specs if (spec in DOSED or not name.endswith(DOSE_ENDS)) and possible(name, spec)]
    known = {(name, spec): [run for run in done if (run.problem, run.spec) == (name, spec)] for name, spec in cells}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(cell, name, spec, seeds, tuning_seeds(name, options.tuning_seeds), settings, known[name, spec]) for name, spec in cells]
        for count, job in enumerate(jobs, 1):
            yield job.result(), count, len(cells)


def stored(path: Path | None, settings: Settings) -> list[Run]:
    """Runs of earlier with the same settings; a line that was cut off is left out."""
    if path is None or not path.exists():
        return []
    found: list[Run] = []
    for line in path.read_text().splitlines():
        try:
            run = Run(**json.loads(line))
        except ValueError:
            continue
        if run.settings == asdict(settings):
            found.append(run)
    return found


def main() -> None:
    """Run what is missing, and print the tables, or every run as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--specs", nargs="+", default=list(SPECS), help="assigners with options, and pipelines")
    parser.add_argument("--seeds", type=int, default=20, help="that are reported, from 0")
    parser.add_argument("--tuning-seeds", type=int, default=10, help="that choose the learning rate, from 1000; a third of them where all seeds learn")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--attempts", type=int, default=8, help="at each of the four tasks, in each batch")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, help="file of runs, a line each; what it holds is not run again (begin another when an assigner has changed)")
    parser.add_argument("--plot", type=Path, help="picture to draw (needs the extra report)")
    parser.add_argument("--json", action="store_true", help="print every run as JSON instead of the tables")
    parser.add_argument("--quick", action="store_true", help="a look: 3 seeds, 1 of tuning, 40 updates")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.tuning_seeds, options.updates = 3, 1, 40
    settings = Settings(options.updates, options.attempts, 10)
    runs = stored(options.out, settings)
    with progress("cells") as show:
        for new, count, total in study(options, settings, runs):
            runs.extend(new)
            if options.out is not None and new:
                append(options.out, new)
            show(f"{new[0].problem} {new[0].spec}" if new else "stored", count, total)
    wanted = [asdict(run) for run in runs if run.problem in options.problems and run.spec in options.specs and run.seed < options.seeds]
    chosen: dict[tuple[str, str], float] = {}
    for row in wanted:
        name, spec = row["problem"], row["spec"]
        if (name, spec) not in chosen:
            chosen[name, spec] = chosen_rate(runs, name, spec, tuning_seeds(name, options.tuning_seeds))
    rows: list[dict[str, Any]] = [row for row in wanted if row["rate"] == chosen[row["problem"], row["spec"]]]
    print(json.dumps(rows, indent=1) if options.json else tables(rows, options.problems))
    if options.plot is not None:
        draw(rows, options.problems, options.plot)


def chosen_rate(runs: Sequence[Run], name: str, spec: str, tuning: Sequence[int]) -> float:
    """The rate whose success, over all updates and the tuning seeds, is largest."""
    found = {(run.rate, run.seed): float(np.mean(run.curve)) for run in runs if (run.problem, run.spec) == (name, spec)}
    return best_rate(lambda rate: float(np.mean([found[rate, seed] for seed in tuning])))


def append(path: Path, runs: Sequence[Run]) -> None:
    """More lines, on lines of their own even after one that was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a") as file:
        file.write("\n" * torn + "".join(json.dumps(asdict(run)) + "\n" for run in runs))


if __name__ == "__main__":
    main()
