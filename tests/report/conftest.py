"""Comparisons made of seeded synthetic numbers."""

import numpy as np
import pytest

from prm_gym.report.comparison import Comparison, CurvePoint, Reference, RunResult
from prm_gym.report.statistics import area_under_curve

PLATEAU = {"grpo": 0.55, "gigpo": 0.68, "salt": 0.66}
BINS = ("ranks 1-273", "ranks 274-545", "ranks 546-818", "ranks 819-1090", "ranks 1091-1362")


@pytest.fixture
def synthetic():
    """Makes a comparison: `synthetic(credits, rewards, seeds, points, bins, jitter, **changes)`."""
    return make_comparison


@pytest.fixture
def bare():
    """Makes a comparison from a table {(credit, reward): {seed: final success}}, with no curves."""
    return make_bare


@pytest.fixture
def hostile():
    """A text that breaks whatever takes it for markup: HTML, attributes, console markup, mathtext."""
    return "</script><script>alert(1)</script>\"'&<img src=x onerror=alert(2)>[red]$\\frac{1$"


def make_comparison(credits=("grpo", "gigpo", "salt"), rewards=("outcome", "dense"), seeds=(0, 1, 2, 3, 4), points=9, bins=BINS, jitter=0, **changes):
    """Saturating curves with noise per seed: the numbers mean nothing, their form is that of a real comparison."""
    rng = np.random.default_rng(20240607)
    runs = tuple(_run(credit, reward, seed, points, bins, jitter, rng) for reward in rewards for credit in credits for seed in seeds)
    floor = Reference(agent="random", role="floor", success=0.06, low=0.03, high=0.09, mean_steps=3.0, file_success=(0.05,) * len(bins) or None)
    ceiling = Reference(agent="scripted", role="ceiling", success=1.0, low=1.0, high=1.0, mean_steps=3.0, file_success=(1.0,) * len(bins) or None)
    record = {
        "title": "Which credit assignment trains better?", "env_id": "prm_gym/Countdown-v0", "env_options": {"difficulty": 2}, "agent": "candidate",
        "credits": tuple(credits), "rewards": tuple(rewards), "command": "prm-gym compare prm_gym/Countdown-v0 --seeds 5", "library_version": "0.1.0",
        "versions": {"python": "3.11.2", "numpy": "2.4.6"}, "machine": "2 cores, no GPU", "created": "2025-11-20T16:30:00Z", "budget_env_steps": 20_000,
        "attempts": 8, "eval_tasks": 200, "runs": runs, "references": (floor, ceiling), "file_bins": bins, "file_name": "24.csv" if bins else None,
        "notes": ("The evaluation tasks are held out.",),
    }  # fmt: skip
    return Comparison(**(record | changes))


def _run(credit, reward, seed, points, bins, jitter, rng):
    plateau = min(0.97, PLATEAU.get(credit, 0.5) + (0.12 if reward == "dense" else 0.0) + rng.normal(0.0, 0.05))
    env_steps = np.linspace(0, 20_000, points).round() + (rng.integers(0, jitter + 1, points) if jitter else 0)
    success = np.clip(0.06 + (plateau - 0.06) * (1 - np.exp(-env_steps / 6000.0)) + rng.normal(0.0, 0.02, points), 0.0, 1.0)
    curve = tuple(
        CurvePoint(env_steps=int(step), success=float(value), mean_reward=float(value), mean_steps=3.0, verifier_calls=0, wall_seconds=float(step) / 300)
        for step, value in zip(env_steps, success, strict=True)
    )
    final = float(success[-1]) if points else float(plateau)
    return RunResult(
        credit=credit, reward=reward, seed=seed, curve=curve, final_success=final, auc=area_under_curve(env_steps, success) if points else None,
        verifier_calls=20_000, abstentions=200, wall_seconds=70.0, trajectories=6600,
        file_success=tuple(float(np.clip(final + 0.12 - 0.09 * index, 0, 1)) for index in range(len(bins))) or None,
    )  # fmt: skip


def make_bare(table, **changes):
    """One run for every seed of the table."""
    runs = tuple(
        RunResult(credit=credit, reward=reward, seed=seed, curve=(), final_success=value, auc=None, verifier_calls=0, abstentions=0, wall_seconds=1.0)
        for (credit, reward), values in table.items()
        for seed, value in values.items()
    )
    credits, rewards = (tuple(dict.fromkeys(key[part] for key in table)) for part in (0, 1))
    return make_comparison(credits=credits, rewards=rewards, seeds=(), bins=(), runs=runs, references=changes.pop("references", ()), **changes)
