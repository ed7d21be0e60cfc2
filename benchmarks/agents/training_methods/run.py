"""Training methods side by side: the same agent, tasks, budget of environment steps and seeds; only what is made of a batch differs.

    python benchmarks/agents/training_methods/run.py --out runs/training-methods

What a method plays beside the batch (corrections, new groups) is part of its budget. Finished runs are kept, and an interrupted one goes on. In the end it
writes `results.json` and prints the table of the README.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prm_gym.report.comparison import RunResult
from prm_gym.report.statistics import bootstrap_interval
from prm_gym.store import write_json
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train

ARMS: dict[str, dict[str, Any]] = {
    "policy-gradient": {},
    "policy-gradient, groups that teach nothing replaced twice": {"refills": 2},
    "expert-iteration": {"method": "expert-iteration"},
    "step-preferences": {"method": "step-preferences"},
    "step-preferences, corrected by itself": {"method": "step-preferences?corrector=self"},
    "correction, by itself (4 tries)": {"method": "correction?corrector=self&tries=4"},
    "correction, by the solution": {"method": "correction?corrector=mixed:1.0"},
    "step-preferences, corrected by the solution": {"method": "step-preferences?corrector=mixed:1.0"},
}


def config(changes: dict[str, Any], seed: int, budget: int, eval_tasks: int) -> TrainConfig:
    """The settings of one run."""
    shared = TrainConfig(
        env_id="prm_gym/Deduction-v0",
        env_options={"difficulty": 1},
        credit="gigpo",
        reward="dense",
        seed=seed,
        agent_options={"device": "cpu"},
        budget=budget,
        evaluate_every=budget // 3,
        eval_tasks=eval_tasks,
    )
    fields = {name: getattr(shared, name) for name in TrainConfig.__struct_fields__} | changes
    return TrainConfig(**fields)


def table(results: dict[str, list[RunResult]]) -> str:
    """Mean over seeds with its 95% bootstrap interval, and every seed."""
    rows = ["| method | final success | every seed | area under curve |", "|---|---|---|---|"]
    for name, runs in results.items():
        final = np.array([run.final_success for run in runs])
        interval = bootstrap_interval(final, np.random.default_rng(0))
        between = f" [{interval.low:.3f}, {interval.high:.3f}]" if interval.low is not None else ""
        area = np.mean([run.auc for run in runs if run.auc is not None])
        rows.append(f"| {name} | {interval.mean:.3f}{between} | {', '.join(f'{value:.2f}' for value in final)} | {area:.3f} |")
    return "\n".join(rows)


def main() -> None:
    """Train what is not finished, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/training-methods"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=6_000)
    parser.add_argument("--eval-tasks", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, list[RunResult]] = {}
    for seed in range(arguments.seeds):
        for number, (name, changes) in enumerate(ARMS.items()):
            settings = config(changes, seed, arguments.budget, arguments.eval_tasks)
            result = train(settings, arguments.out / f"{number}-{settings.method.partition('?')[0]}" / f"seed-{seed}")
            results.setdefault(name, []).append(result)
            print(f"seed {seed}, {name}: {result.final_success:.3f}", file=sys.stderr, flush=True)
    write_json(arguments.out / "results.json", results)
    print(table(results))


if __name__ == "__main__":
    main()
