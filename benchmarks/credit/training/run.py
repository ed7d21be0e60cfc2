"""What each credit assigner makes of training, with the outcome alone and with verdicts for every step that err at known rates.

python benchmarks/credit/training/run.py --out runs/credit-training        # goes on where it was stopped; --quick for a look
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one run a core; before anything brings its threads up

import numpy as np

from prm_gym.commands.records import read_names
from prm_gym.report.comparison import Comparison, read_results
from prm_gym.report.statistics import Interval, bootstrap_interval, paired_difference
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig

BASELINE = "rloo"
CREDITS = (BASELINE, "grpo", "gigpo", "salt", "hgpo", "graft", "reward_flow", "reinforce?gamma=0.9&baseline=batch")
OF_MISTAKES = (BASELINE, "grpo", "gigpo")
"""Those that are trained with verdicts that err, too."""


class World(NamedTuple):
    """One environment.

    Attributes:
        env: its id.
        options: of it.
        verifier: the formal one, which is taken for right.
        budget: environment steps of a run.
    """

    env: str
    options: dict[str, Any]
    verifier: str
    budget: int


WORLDS = {
    "deduction-1": World("prm_gym/Deduction-v0", {"difficulty": 1}, "z3", 16_000),
    "countdown-3": World("prm_gym/Countdown-v0", {"difficulty": 3}, "sequence(arithmetic, reachable)", 30_000),
    "algebra-1": World("prm_gym/Algebra-v0", {"difficulty": 1}, "algebra", 16_000),
}
CONDITIONS: dict[str, tuple[float, float] | None] = {"outcome": None, "exact": (0.0, 0.0), "accepts": (0.2, 0.0), "refuses": (0.0, 0.2), "both": (0.2, 0.2)}
"""False positives and false negatives of the verifier behind the dense reward; None for the outcome alone."""

LOOKS = {"outcome": ("#1d2127", "o"), "exact": ("#0072b2", "s"), "accepts": ("#d55e00", "^"), "refuses": ("#009e73", "v"), "both": ("#cc79a7", "D")}


def credits_of(condition: str) -> tuple[str, ...]:
    """The assigners that are trained under a condition unless others are asked for."""
    return CREDITS if condition in {"outcome", "exact"} else OF_MISTAKES


def plan(world: World, condition: str, arguments: argparse.Namespace, directory: Path) -> Plan:
    """The comparison of all assigners in one world under one condition."""
    rates = CONDITIONS[condition]
    verifiers = [] if rates is None else [f"noisy({world.verifier}, false_positives={rates[0]}, false_negatives={rates[1]})"]
    budget = arguments.budget or world.budget
    base = TrainConfig(
        env_id=world.env,
        env_options={**world.options, "verifiers": verifiers},
        agent="candidate",
        agent_options={"device": "cpu"},
        budget=budget,
        tasks=arguments.tasks,
        attempts=8,
        evaluate_every=budget // 4,
        eval_tasks=arguments.eval_tasks,
        split=arguments.split,
    )
    return Plan(
        base=base,
        credits=read_names(arguments.credits) if arguments.credits else credits_of(condition),
        rewards=("outcome" if rates is None else "dense",),
        seeds=tuple(range(arguments.seeds)),
        directory=directory,
        workers=arguments.workers,
        command="python benchmarks/credit/training/run.py",
    )


def finals(comparison: Comparison, credit: str) -> dict[int, float]:
    """Final success by seed."""
    return {run.seed: run.final_success for run in comparison.runs if run.credit == credit}


def difference(own: dict[int, float], base: dict[int, float]) -> str:
    """Mean difference on the seeds that both have, with its bootstrap interval."""
    seeds = sorted(own.keys() & base.keys())
    if not seeds:
        return "-"
    pairs = [np.array([values[seed] for seed in seeds]) for values in (own, base)]
    return _shown(paired_difference(pairs[0], pairs[1], np.random.default_rng(0)).interval, "+.3f")


def table(found: dict[str, Comparison], credits: tuple[str, ...]) -> str:
    """Final success of one world, assigners by conditions; the difference from the baseline, and what the verdicts change, each on the same seeds."""
    rng = np.random.default_rng(0)
    values = {credit: {name: finals(comparison, credit) for name, comparison in found.items()} for credit in credits}
    lines: list[str] = []

    def part(title: str, names: list[str], cell: Callable[[str, str], str]) -> None:
        lines.extend([title, "", "| assigner | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)])
        ran = [credit for credit in credits if any(values[credit].values())]
        lines.extend([*(f"| `{credit}` | " + " | ".join(cell(credit, name) for name in names) + " |" for credit in ran), ""])

    def plain(credit: str, name: str) -> str:
        own = values[credit][name]
        return _shown(bootstrap_interval(np.array(list(own.values())), rng)) if own else "-"

    part("Success:", list(found), plain)
    base = {name: finals(comparison, BASELINE) for name, comparison in found.items()}
    part(f"Less `{BASELINE}`:", list(found), lambda credit, name: "=" if credit == BASELINE else difference(values[credit][name], base[name]))
    if "outcome" in found and len(found) > 1:
        dense = [name for name in found if name != "outcome"]
        title = "What verdicts change (less the same assigner on the outcome alone):"
        part(title, dense, lambda credit, name: difference(values[credit][name], values[credit]["outcome"]))
    floors = [f"{reference.agent} {reference.success:.3f}" for reference in next(iter(found.values())).references]
    return "\n".join([*lines, f"For comparison: {', '.join(floors)}."])


def shared(directory: Path, seeds: int) -> float | None:
    """Mean share of the steps whose state another step of the task was in too, over all batches of the runs of `gigpo`; None without such runs.

    Args:
        directory: of one world under one condition.
        seeds: whose runs count.
    """
    shares: list[float] = []
    for path in (directory / f"gigpo-{directory.name if directory.name == 'outcome' else 'dense'}" / f"seed-{seed}" / "metrics.jsonl" for seed in range(seeds)):
        if path.exists():
            shares.extend(1.0 - row["step_singleton_share"] for row in map(json.loads, path.read_text().splitlines()) if "step_singleton_share" in row)
    return float(np.mean(shares)) if shares else None


def draw(found: dict[str, dict[str, Comparison]], path: Path) -> None:
    """Final success with its interval, a panel a world: assigners down, conditions by colour.

    Args:
        found: comparisons by condition, by world.
        path: file to write; its suffix names the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(found) + 1.6, 4.4), dpi=160, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for panel, (world, comparisons) in zip(panels, found.items(), strict=True):
        for place, (condition, comparison) in enumerate(comparisons.items()):
            rng = np.random.default_rng(0)
            known = [(row, bootstrap_interval(np.array(list(own.values())), rng)) for row, credit in enumerate(CREDITS) if (own := finals(comparison, credit))]
            color, mark = LOOKS[condition]
            for row, each in known:
                height = row + 0.13 * (place - (len(comparisons) - 1) / 2)
                if each.low is not None and each.high is not None:
                    panel.plot([each.low, each.high], [height, height], color=color, linewidth=1.2)
                panel.plot([each.mean], [height], color=color, marker=mark, markersize=5, linestyle="none", label=condition if row == known[0][0] else None)
        panel.set_yticks(range(len(CREDITS)), CREDITS, fontsize=8)
        panel.set_title(world, loc="left", fontsize=9.5)
        panel.set_xlabel("success on held-out tasks", fontsize=8.5)
        panel.tick_params(labelsize=8, length=0)
        panel.grid(axis="x", color="#e3e6ea", linewidth=0.7)
        panel.set_axisbelow(True)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
    panels[0].invert_yaxis()
    handles = {label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside right center", frameon=False, fontsize=8, title="reward and verdicts", title_fontsize=8)
    figure.savefig(path, facecolor="white", metadata={"Software": None} if path.suffix == ".png" else None)


def _shown(interval: Interval, form: str = ".3f") -> str:
    ends = "" if interval.low is None or interval.high is None else f" [{interval.low:{form}}, {interval.high:{form}}]"
    return f"{interval.mean:{form}}{ends}"


def main() -> None:
    """Run what is not finished, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/credit-training"))
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--credits", default="", help="assigners with options, commas between them; unless given, all, but where verdicts err a few")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=0, help="environment steps of a run; 0 for the world's own")
    parser.add_argument("--tasks", type=int, default=16, help="in a batch, 8 attempts each")
    parser.add_argument("--eval-tasks", type=int, default=200)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plot", type=Path, help="picture to draw (needs the extra report)")
    parser.add_argument("--quick", action="store_true", help="a look: one seed, 1,024 steps, 20 tasks to evaluate on")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.budget, arguments.eval_tasks, arguments.tasks = 1, 1_024, 20, 4
    everything: dict[str, dict[str, Comparison]] = {}
    for name in arguments.worlds:
        found: dict[str, Comparison] = {}
        for condition in arguments.conditions:
            directory = arguments.out / name / condition
            chosen = plan(WORLDS[name], condition, arguments, directory)
            said = f"{name} {condition}"
            compare(chosen, lambda config, steps, said=said: print(f"{said} {config.credit} seed {config.seed}: {steps} steps", file=sys.stderr, flush=True))
            found[condition] = read_results(directory / "results.json")
        everything[name] = found
        share = next((known for condition in arguments.conditions if (known := shared(arguments.out / name / condition, arguments.seeds)) is not None), None)
        credits = read_names(arguments.credits) if arguments.credits else CREDITS
        print(f"\n**{name}** ({WORLDS[name].env}, {WORLDS[name].options})\n\n{table(found, credits)}")
        if share is not None:
            print(f"Steps in a state that another step of the task was in too: {share:.0%}.")
    if arguments.plot is not None:
        draw(everything, arguments.plot)


if __name__ == "__main__":
    main()
