"""A small decoder from nothing: it imitates solutions first, and then learns by reinforcement with several credit assigners, side by side.

    python benchmarks/agents/from_scratch/run.py --out runs/from-scratch

A mathematics, a logic and a tool environment. Every seed has one warm start, which all assigners go on from. Finished runs are kept, and an interrupted one
goes on. In the end it writes `results.json` of each comparison, `seconds.json`, and prints the tables of the README.
"""

import argparse
import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one run a core; before anything brings its threads up

import msgspec
import numpy as np

from prm_gym.agent import make_agent
from prm_gym.report.comparison import Comparison, read_results
from prm_gym.report.statistics import bootstrap_interval, paired_difference
from prm_gym.rollout import Rollouts, groups
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig

CREDITS = ("grpo", "gigpo", "reinforce?gamma=0.3&baseline=batch")
DECODER: dict[str, Any] = {"width": 64, "layers": 3, "heads": 4, "vocabulary": 320, "instructions": False, "imitation_epochs": 1, "device": "cpu"}
LEARNING: dict[str, Any] = {"imitation_rate": 2e-3, "learning_rate": 5e-4, "minibatches": 2, "entropy_weight": 0.01}


class Part(NamedTuple):
    """One environment.

    Attributes:
        env: its id.
        options: of it.
        demonstrations: tasks whose solutions are imitated.
        budget: environment steps of reinforcement learning.
        tasks: groups in a batch.
        attempts: at each of them.
        reward: scheme.
        acting: options of the policy over `DECODER`.
        learning: of its learning, over `LEARNING`.
        imitating: of its learning while it imitates, over these.
    """

    env: str
    options: dict[str, Any]
    demonstrations: int
    budget: int
    tasks: int
    attempts: int
    reward: str
    acting: dict[str, Any]
    learning: dict[str, Any]
    imitating: dict[str, Any]


PARTS = {
    "algebra": Part(
        "prm_gym/Algebra-v0",
        {},
        3_000,
        16_000,
        32,
        8,
        "dense",
        {"history": 0, "imitation_minibatch": 16},
        {},
        {"warmup": 20, "total": 375, "schedule": "cosine"},  # 3,000 equations of two lines, 16 lines at a time
    ),
    "sudoku": Part(
        "prm_gym/Sudoku-v0",
        {"candidates": 24},
        4_000,
        20_000,
        32,
        8,
        "dense?step_weight=8",
        {"history": 0, "imitation_minibatch": 32, "vocabulary": 259},  # a token a byte: every cell stays where it is
        {"learning_rate": 3e-4},
        {"warmup": 50, "total": 1_000, "schedule": "cosine"},  # 4,000 grids of eight steps, 32 steps at a time
    ),
    "python": Part(
        "prm_gym/PythonTool-v0",
        {"families": ["power_sums", "prime_sums"]},
        2_500,
        5_000,
        32,
        4,
        "outcome",
        {"imitation_minibatch": 8, "vocabulary": 400, "max_new_tokens": 90},
        {"minibatches": 4, "normalization": "sequence-mean", "entropy_weight": 0.0},
        {},
    ),
}


def base(part: Part, texts: Path, split: str, eval_tasks: int, learning: dict[str, Any]) -> TrainConfig:
    """What the runs of a part share, with options of learning over its own."""
    return TrainConfig(
        env_id=part.env,
        env_options={"difficulty": 1, **part.options},
        agent="causal-lm",
        agent_options={**DECODER, **part.acting, "texts": str(texts.resolve()), "learning": {**LEARNING, **part.learning, **learning}},
        budget=part.budget,
        tasks=part.tasks,
        attempts=part.attempts,
        evaluate_every=part.budget // 2,
        eval_tasks=eval_tasks,
        split="dev" if split == "dev" else "test",
        reward=part.reward,
    )


def write_texts(part: Part, path: Path) -> None:
    """What the tokenizer learns from: 64 solved tasks that are not evaluated on."""
    rollouts = Rollouts(part.env, {"difficulty": 1, **part.options, "verifiers": [], "reward": "outcome"}, num_envs=16)
    with path.open("w", encoding="utf-8") as file:
        for trajectory in rollouts.play(make_agent("scripted"), groups(range(1 << 30, (1 << 30) + 64), 1)):
            for step in trajectory.steps:
                file.write("\n".join([step.observation, step.action, *step.actions]) + "\n")
    rollouts.close()


def run(name: str, credits: tuple[str, ...], out: Path, seeds: tuple[int, ...], workers: int, split: str, eval_tasks: int) -> None:
    """Warm starts and comparison of a part; adds the processor seconds to `seconds.json`."""
    part, directory = PARTS[name], out / name
    directory.mkdir(parents=True, exist_ok=True)
    write_texts(part, directory / "texts.txt")
    texts, seconds = directory / "texts.txt", out / "seconds.json"
    begin = msgspec.structs.replace(base(part, texts, split, eval_tasks, part.imitating), budget=0, demonstrations=part.demonstrations)
    command = "python benchmarks/agents/from_scratch/run.py"
    warm = Plan(base=begin, credits=("grpo",), rewards=(part.reward,), seeds=seeds, directory=directory / "warm", workers=workers, command=command)
    with counted(seconds, name, 0):
        compare(warm)
    start = str(warm.runs()[0][1].resolve().parent / "seed-{seed}" / "agent")
    begun = msgspec.structs.replace(base(part, texts, split, eval_tasks, {}), agent=start)
    plan = Plan(base=begun, credits=credits, rewards=(part.reward,), seeds=seeds, directory=directory, workers=workers, command=command)
    with counted(seconds, name, 1):
        compare(plan, lambda config, steps: print(f"{name} {config.credit} seed {config.seed}: {steps} steps", file=sys.stderr, flush=True))


@contextmanager
def counted(path: Path, name: str, place: int) -> Generator[None]:
    """Add the processor seconds of the processes that end meanwhile to those of a part: also where it is interrupted or fails, but not where it is killed."""
    before = getrusage(RUSAGE_CHILDREN)
    try:
        yield
    finally:
        after = getrusage(RUSAGE_CHILDREN)
        seconds: dict[str, list[float]] = json.loads(path.read_text()) if path.is_file() else {}
        own = seconds.setdefault(name, [0.0, 0.0])
        own[place] += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        path.write_text(json.dumps(seconds))


def table(name: str, comparison: Comparison, seconds: list[float]) -> str:
    """The rows of a part: what the decoder can do before, and what each assigner makes of it."""
    rng = np.random.default_rng(0)
    random = next(reference.success for reference in comparison.references if reference.role == "floor")
    seeds = sorted({run.seed for run in comparison.runs})
    started = {run.seed: run.curve[0].success for run in comparison.runs}
    before = np.array([started[seed] for seed in seeds])
    warm = bootstrap_interval(before, rng)
    rows = [f"| {name} | *random* | {random:.3f} | | | |"]
    rows.append(f"| | imitation alone | {_between(warm.mean, warm.low, warm.high)} | {_listed(before)} | | {seconds[0] / len(seeds):.0f} |")
    for credit in comparison.credits:
        by_seed = {run.seed: run.final_success for run in comparison.runs if run.credit == credit}
        if set(by_seed) != set(seeds):
            rows.append(f"| | {credit} | {len(by_seed)} of {len(seeds)} runs are finished | | | |")
            continue
        final = np.array([by_seed[seed] for seed in seeds])
        interval, gain = bootstrap_interval(final, rng), paired_difference(final, before, rng).interval
        gained = _between(gain.mean, gain.low, gain.high, "+.3f")
        each = seconds[1] / len(comparison.runs)
        rows.append(f"| | {credit} | {_between(interval.mean, interval.low, interval.high)} | {_listed(final)} | {gained} | {each:.0f} |")
    return "\n".join(rows)


def _between(mean: float, low: float | None, high: float | None, form: str = ".3f") -> str:
    return f"{mean:{form}}" if low is None or high is None else f"{mean:{form}} [{low:{form}}, {high:{form}}]"


def _listed(values: Any) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def main() -> None:
    """Run what is not finished, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/from-scratch"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--credits", default=",".join(CREDITS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--eval-tasks", type=int, default=150)
    arguments = parser.parse_args()
    names = [name for name in arguments.parts.split(",") if name]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        run(name, tuple(arguments.credits.split(",")), arguments.out, tuple(range(arguments.seeds)), arguments.workers, arguments.split, arguments.eval_tasks)
    seconds = json.loads((arguments.out / "seconds.json").read_text())
    print("| environment | trained by | held-out success | every seed | gain over imitation | processor seconds |")
    print("|---|---|---|---|---|---|")
    for name in names:
        print(table(name, read_results(arguments.out / name / "results.json"), seconds[name]))


if __name__ == "__main__":
    main()
