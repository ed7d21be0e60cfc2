"""How well labels from roll-outs agree with the formal verifier, and what they cost.

    python benchmarks/prm/montecarlo/run.py                 # the whole table
    python benchmarks/prm/montecarlo/run.py --quick         # a look

Episodes are played by agents of mixed skill, and labelled by roll-outs of a strong and of a weak one. The truth of a step is what the formal verifier of its
environment says of it, up to and with the first step that it refutes; steps that the environment could not read are left out, for they change nothing.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skilled import SkilledAgent

from prm_gym.montecarlo import (
    Estimate,
    Prefix,
    RolloutEstimator,
    TreeOptions,
    agreed_solution,
    as_rollout,
    denoised_labels,
    error_labels,
    first_errors,
    grow_trees,
    hard_labels,
    prefixes_of,
    soft_labels,
    wilson,
)
from prm_gym.prm.labelled import first_error
from prm_gym.rollout import Rollouts, groups
from prm_gym.trajectory import Trajectory

ENVS: dict[str, dict[str, Any]] = {
    "prm_gym/Countdown-v0": {"difficulty": 2},
    "prm_gym/Algebra-v0": {"difficulty": 3},
    "prm_gym/Deduction-v0": {"difficulty": 2},
}
PLAYERS, JUDGE_ERRORS = (0.6, 0.8, 0.95), 0.15
Labels = list[float | None]


class Data:
    """Episodes, their prefixes and what is true of their steps."""

    def __init__(self, trajectories: Sequence[Trajectory], seed: int) -> None:
        """Take episodes with the verdicts of the formal verifier.

        Args:
            trajectories: of one environment.
            seed: of the errors of the simulated judge.
        """
        self.trajectories = trajectories
        self.chains = [prefixes_of(trajectory) for trajectory in trajectories]
        self.truth = [_truth(trajectory) for trajectory in trajectories]
        rng = np.random.default_rng(seed)
        self.judged: list[Labels] = [
            [None if label is None else float((label >= 0.5) != (rng.random() < JUDGE_ERRORS)) for label in _formal(trajectory)] for trajectory in trajectories
        ]


def _formal(trajectory: Trajectory) -> Labels:
    """What the formal verifier says of every step; None of one that could not be read, or that it cannot tell."""
    found: Labels = []
    for step in trajectory.steps:
        (verdict,) = step.verdicts.values()
        found.append(None if verdict.label == "malformed" or verdict.score is None else float(verdict.score >= 0.5))
    return found


def _truth(trajectory: Trajectory) -> Labels:
    """Likewise, up to and with the first error; None after it."""
    labels = _formal(trajectory)
    error = next((place for place, label in enumerate(labels) if label == 0.0), len(labels))
    return [label if place <= error else None for place, label in enumerate(labels)]


def _by_estimates(make: Callable[[Sequence[Estimate]], Labels], hard: bool) -> Callable[[RolloutEstimator, Data, int], list[Labels]]:
    def label(estimator: RolloutEstimator, data: Data, k: int) -> list[Labels]:
        flat: list[Prefix] = [prefix for chain in data.chains for prefix in chain[1:]]
        drawn = iter(estimator.reach(flat, k) if hard else estimator.estimate(flat, k))
        return [make([next(drawn) for _ in chain[1:]]) for chain in data.chains]

    return label


def _search(estimator: RolloutEstimator, data: Data, k: int) -> list[Labels]:
    found = first_errors(estimator, data.chains, k)
    return [error_labels(error.index, len(chain) - 1) for error, chain in zip(found, data.chains, strict=True)]


def _tree(estimator: RolloutEstimator, data: Data, k: int) -> list[Labels]:
    given = [[as_rollout(chain, trajectory.outcome or 0.0)] for chain, trajectory in zip(data.chains, data.trajectories, strict=True)]
    trees = grow_trees(estimator, [chain[0] for chain in data.chains], k, TreeOptions(searches=2), given)
    return [[tree.value(prefix) for prefix in chain[1:]] for tree, chain in zip(trees, data.chains, strict=True)]


def _denoised(estimator: RolloutEstimator, data: Data, k: int) -> list[Labels]:
    starts = estimator.estimate([chain[0] for chain in data.chains], k)
    wanted = [(start.soft or 0.0) >= 0.75 and trajectory.outcome != 1.0 for start, trajectory in zip(starts, data.trajectories, strict=True)]
    drawn = iter(estimator.estimate([prefix for chain, want in zip(data.chains, wanted, strict=True) if want for prefix in chain[1:]], k))
    found: list[Labels] = []
    for chain, trajectory, start, want in zip(data.chains, data.trajectories, starts, wanted, strict=True):
        values = [next(drawn).soft if want else None for _ in chain[1:]]
        found.append(denoised_labels(values, start.soft, trajectory.outcome))
    return found


def _consensus(estimator: RolloutEstimator, data: Data, k: int) -> list[Labels]:
    labels = _by_estimates(hard_labels, hard=True)(estimator, data, k)
    return [agreed_solution(one, other) for one, other in zip(labels, data.judged, strict=True)]


METHODS: dict[str, Callable[[RolloutEstimator, Data, int], list[Labels]]] = {
    "hard": _by_estimates(hard_labels, hard=True),
    "soft": _by_estimates(soft_labels, hard=False),
    "search": _search,
    "tree": _tree,
    "denoised": _denoised,
    "consensus": _consensus,
}


def measure(data: Data, labels: Sequence[Labels]) -> dict[str, Any]:
    """Counts of a method's labels against the truth."""
    pairs = [pair for truth, found in zip(data.truth, labels, strict=True) for pair in zip(truth, found, strict=True) if pair[0] is not None]
    told = [(truth, label) for truth, label in pairs if label is not None]
    exact = [first_error(found) == _first(truth) for truth, found in zip(data.truth, labels, strict=True) if _scoped(found, truth)]
    return {
        "steps": len(pairs),
        "labelled": len(told),
        "right": [sum(label >= 0.5 for truth, label in told if truth), sum(bool(truth) for truth, _ in told)],
        "wrong": [sum(label < 0.5 for truth, label in told if not truth), sum(not truth for truth, _ in told)],
        "exact": [sum(exact), len(exact)],
        "scores": [(float(truth or 0.0), label) for truth, label in told],
    }


def _first(truth: Labels) -> int:
    return next((place for place, label in enumerate(truth) if label == 0.0), -1)


def _scoped(found: Labels, truth: Labels) -> bool:
    """Whether the labels say where the first error is, and every step before it could be judged."""
    return first_error(found) is not None and None not in truth[: _first(truth) + 1 or len(truth)]


def area(scores: Sequence[tuple[float, float]]) -> float | None:
    """The probability that a right step is labelled higher than a wrong one, ties counted half."""
    right, wrong = (np.array([label for truth, label in scores if truth == side]) for side in (1.0, 0.0))
    if not right.size or not wrong.size:
        return None
    return float(((right[:, None] > wrong).sum() + 0.5 * (right[:, None] == wrong).sum()) / (right.size * wrong.size))


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several seeds in one row, with Wilson's intervals over episodes and steps."""
    total = {name: [sum(part[name][i] for part in parts) for i in (0, 1)] for name in ("right", "wrong", "exact")}
    labelled, steps = sum(part["labelled"] for part in parts), sum(part["steps"] for part in parts)
    row: dict[str, Any] = {name: {"share": _share(*counts), "interval": list(wilson(*counts)), "of": counts[1]} for name, counts in total.items()}
    row |= {"labelled": _share(labelled, steps), "area": area([score for part in parts for score in part["scores"]])}
    spent = {name: sum(part[name] for part in parts) for name in ("rollouts", "env_steps", "cpu_seconds")}
    return row | {"per label": {name: value / labelled if labelled else None for name, value in spent.items()}}


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _shown(value: Any, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _line(row: dict[str, Any]) -> str:
    bounded = [f"{_shown(row[name]['share'])} [{row[name]['interval'][0]:.2f}, {row[name]['interval'][1]:.2f}]" for name in ("right", "wrong", "exact")]
    cost = row["per label"]
    figures = [_shown(row["labelled"]), *bounded, _shown(row["area"]), _shown(cost["rollouts"], 1), _shown(cost["env_steps"], 1)]
    return f"| {row['method']} | {row['k']} | " + " | ".join(figures) + " |"


def summary(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A table with a line for each agent, method and k.

    Of each environment: the share of steps that are labelled, of first errors found exactly, of wrong steps called wrong, and the roll-outs a label.
    """
    envs = list(dict.fromkeys(row["env"] for row in rows))
    by_key = {(row["skill"], row["method"], row["k"], row["env"]): row for row in rows}
    names = [env.removeprefix("prm_gym/").removesuffix("-v0") for env in envs]
    lines = ["| agent | labels | k | " + " | ".join(f"{name}: labelled | first error exact | wrong found | roll-outs" for name in names) + " |"]
    lines.append("|" + "---|" * (3 + 4 * len(envs)))
    for skill, method, k in dict.fromkeys((row["skill"], row["method"], row["k"]) for row in rows):
        cells: list[str] = []
        for env in envs:
            row = by_key[skill, method, k, env]
            cells += [_shown(row["labelled"]), _shown(row["exact"]["share"]), _shown(row["wrong"]["share"]), _shown(row["per label"]["rollouts"], 1)]
        lines.append(f"| {skill:g} | {method} | {k} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Play, label, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20, help="of each player, environment and seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--k", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--skills", type=float, nargs="+", default=[0.95, 0.6], help="of the agents that continue")
    parser.add_argument("--env", nargs="+", default=list(ENVS))
    parser.add_argument("--quick", action="store_true", help="few episodes, one seed")
    parser.add_argument("--out", type=Path, help="file for the results (JSON)")
    parser.add_argument("--stored", type=Path, nargs="+", help="show the summary of stored results instead")
    given = parser.parse_args()
    if given.stored:
        print("\n".join(summary([row for path in given.stored for row in json.loads(path.read_text())])))
        return
    episodes, seeds = (6, 1) if given.quick else (given.episodes, given.seeds)
    rows: list[dict[str, Any]] = []
    for env_id in given.env:
        options, right = ENVS[env_id], dict[Any, tuple[str, ...]]()
        sets: list[Data] = []
        for seed in range(seeds):
            rollouts = Rollouts(env_id, options, num_envs=16)
            played = [
                trajectory
                for player, skill in enumerate(PLAYERS)
                for trajectory in rollouts.play(
                    SkilledAgent(skill, env_id, options, right), groups(range(10_000 * seed + 1_000 * player, 10_000 * seed + 1_000 * player + episodes), 1)
                )
            ]
            sets.append(Data(played, seed))
        solved = float(np.mean([trajectory.outcome or 0.0 for data in sets for trajectory in data.trajectories]))
        wrong = float(np.mean([0.0 in truth for data in sets for truth in data.truth]))
        print(f"\n{env_id} {options}: {sum(len(data.chains) for data in sets)} episodes, {solved:.2f} solved, {wrong:.2f} with a wrong step\n", flush=True)
        for skill in given.skills:
            print(f"Roll-outs of an agent of skill {skill:g}:\n")
            print("| labels | k | labelled | right called right | wrong called wrong | first error exact | area | roll-outs a label | steps a label |")
            print("|---|---|---|---|---|---|---|---|---|")
            for name, method in METHODS.items():
                for k in given.k:
                    row = {
                        "env": env_id,
                        "skill": skill,
                        "method": name,
                        "k": k,
                        **joined([_run(data, seed, k, method, skill, env_id, right) for seed, data in enumerate(sets)]),
                    }
                    rows.append(row)
                    print(_line(row), flush=True)
            print()
    print("\n".join(summary(rows)))
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1))


def _run(data: Data, seed: int, k: int, method: Callable[..., list[Labels]], skill: float, env_id: str, right: dict[Any, tuple[str, ...]]) -> dict[str, Any]:
    agent = SkilledAgent(skill, env_id, ENVS[env_id], right)
    with RolloutEstimator(agent, env_id, ENVS[env_id], num_envs=64, seed=seed) as estimator:
        begun = time.process_time()
        labels = method(estimator, data, k)
        spent = estimator.spent
        cost = {"rollouts": spent.rollouts, "env_steps": spent.steps + spent.replayed, "cpu_seconds": time.process_time() - begun}
    return measure(data, labels) | cost


if __name__ == "__main__":
    main()
