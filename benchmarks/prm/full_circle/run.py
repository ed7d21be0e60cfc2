r"""The full circle: a small process reward model is trained on labelled episodes, examined on held-out tasks, and then pays instead of the formal verifier.

    python benchmarks/prm/full_circle/run.py --out runs/circle                      # prm_gym/Deduction-v0, difficulty 1
    python benchmarks/prm/full_circle/run.py --env prm_gym/Countdown-v0 --env-option difficulty=3 --formal reachable \
        --compare="--demonstrations 1000" --out runs/circle-countdown

It runs the commands of the library one after the other and prints them; what is finished in the folder is not done again. In the end it writes `results.json`,
`tables.md` and `hacking.png`: what is lost, and whether the agents learn to please the model rather than the formal verifier.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from prm_gym.report.statistics import bootstrap_interval
from prm_gym.store import read_trajectories, write_json
from prm_gym.training.config import FIRST_SEED

QUARTERS = 4
MODEL = "prm"
DRAWN = (
    ("model_score", "model's mean score", "#b45309", "o"),
    ("formally_right", "formally right", "#0f766e", "s"),
    ("paid_mistakes", "paid mistakes", "#b91c1c", "^"),
)


def command(*words: str) -> None:
    """Run a command of the library and print it.

    Raises:
        SystemExit: it failed.
    """
    print(f"\n$ prm-gym {shlex.join(words)}", flush=True)
    ended = subprocess.run([sys.executable, "-m", "prm_gym", *words], check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


def rollout(arguments: argparse.Namespace, first: int, tasks: int, out: Path) -> None:
    """Episodes of agents of mixed skill, judged by the formal verifier."""
    options = ["--env-option", *arguments.env_option, f"verifiers={json.dumps([arguments.formal])}"]
    shared = ["--env", arguments.env, *options, "--reward", "outcome", "--agent", "mixed", "--attempts", "3"]
    command("rollout", *shared, "--tasks", str(tasks), "--seed", str(first), "--out", str(out))


def without_known(path: Path, known: Path, out: Path) -> tuple[int, int]:
    """Leave out the episodes whose question the training data holds; how many were left out, and of how many."""
    questions = {trajectory.task.question for trajectory in read_trajectories(known)}
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    kept = [line for line in lines if json.loads(line)["task"]["question"] not in questions]
    out.write_bytes(b"".join(line + b"\n" for line in kept))
    return len(lines) - len(kept), len(lines)


def hacking(directory: Path, formal: str) -> list[dict[str, Any]]:
    """How far the model is from the formal verifier on the steps of the agents that it trains, as training goes on.

    Of every quarter of a run's stored training episodes: the model's mean score, the share of steps that the formal verifier calls right, the share that the
    model calls right and the formal verifier does not (paid mistakes), the model's AUC against it, and the mean length of an episode.
    """
    rows: list[dict[str, Any]] = []
    for folder in sorted(directory.glob("*/seed-*")):
        result = json.loads((folder / "result.json").read_bytes())
        stored = [trajectory for trajectory in read_trajectories(folder / "trajectories.jsonl") if not trajectory.group_id.startswith("eval-")]
        last = max(_batch(trajectory) for trajectory in stored) + 1
        by_quarter = defaultdict(list)
        for trajectory in stored:
            by_quarter[QUARTERS * _batch(trajectory) // last].append(trajectory)
        for quarter, trajectories in sorted(by_quarter.items()):
            verdicts = [(step.verdicts[MODEL], step.verdicts[formal]) for trajectory in trajectories for step in trajectory.steps]
            judged = [(ours.score, truth.score > 0.5) for ours, truth in verdicts if ours.score is not None and truth.score is not None]
            scores, right = np.array([score for score, _ in judged]), np.array([truth for _, truth in judged])
            rows.append(
                {
                    **{name: result[name] for name in ("credit", "reward", "seed")},
                    "quarter": quarter + 1,
                    "steps": len(judged),
                    "model_score": float(scores.mean()),
                    "formally_right": float(right.mean()),
                    "paid_mistakes": float(((scores >= 0.5) & ~right).mean()),
                    "auc": area_under_roc(scores, right),
                    "length": float(np.mean([len(trajectory.steps) for trajectory in trajectories])),
                }
            )
    return rows


def _batch(trajectory: Any) -> int:
    return int(trajectory.group_id.split("-")[0])


def area_under_roc(scores: np.ndarray, right: np.ndarray) -> float | None:
    """P(a right step scores above a wrong one), ties half; None where there is only one kind."""
    good, bad = scores[right], np.sort(scores[~right])
    if not len(good) or not len(bad):
        return None
    return float((np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")).sum() / (2 * len(good) * len(bad)))


def tables(comparison: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The tables of the README."""
    rng = np.random.default_rng(0)
    lines = ["| reward | final success on held-out tasks | area under the curve | wall time |", "|---|---|---|---|"]
    for reward in comparison["rewards"]:
        runs = [run for run in comparison["runs"] if run["reward"] == reward]
        cells = []
        for name in ("final_success", "auc"):
            found = bootstrap_interval(np.array([run[name] for run in runs]), rng)
            cells.append(f"{found.mean:.3f}" if found.low is None else f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]")
        lines.append(f"| {reward} | {cells[0]} | {cells[1]} | {np.mean([run['wall_seconds'] for run in runs]):.0f} s |")
    lines += [
        "",
        "| reward | quarter | model's mean score | formally right | paid mistakes | model's AUC | steps an episode |",
        "|---|---|---|---|---|---|---|",
    ]
    for reward in comparison["rewards"]:
        for quarter in range(1, QUARTERS + 1):
            own = [row for row in rows if row["reward"] == reward and row["quarter"] == quarter]
            if own:
                names = ("model_score", "formally_right", "paid_mistakes", "auc", "length")
                means = [np.mean([row[name] for row in own if row[name] is not None]) for name in names]
                lines.append(f"| {reward} | {quarter} | {' | '.join(f'{mean:.3f}' for mean in means[:4])} | {means[4]:.1f} |")
    return "\n".join(lines) + "\n"


def draw(rows: list[dict[str, Any]], rewards: list[str], path: Path) -> None:
    """What the model says and what is so, while agents are trained by each reward."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.3 * len(rewards), 3.6), dpi=200, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(rewards), sharey=True, squeeze=False)[0]
    for panel, reward in zip(axes, rewards, strict=True):
        for name, label, colour, marker in DRAWN:
            by_quarter = [[row[name] for row in rows if row["reward"] == reward and row["quarter"] == quarter] for quarter in range(1, QUARTERS + 1)]
            means = [float(np.mean(values)) if values else np.nan for values in by_quarter]
            panel.plot(range(1, QUARTERS + 1), means, color=colour, marker=marker, label=label)
            for quarter, values in enumerate(by_quarter, 1):
                panel.scatter([quarter] * len(values), values, color=colour, s=8, alpha=0.4)
        panel.set_title(f"reward: {reward}", loc="left", fontsize=10, parse_math=False)
        panel.set_xticks(range(1, QUARTERS + 1))
        panel.set_xlabel("quarter of training")
        panel.set_ylim(0, 1)
        panel.grid(color="#e3e6ea")
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    axes[0].set_ylabel("share of steps")
    axes[0].legend(frameon=False, fontsize=9, loc="upper left")
    figure.savefig(path, facecolor="white")


def main() -> None:
    """Go round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="prm_gym/Deduction-v0")
    parser.add_argument("--env-option", nargs="*", default=["difficulty=1"], help="NAME=VALUE each")
    parser.add_argument("--formal", default="z3", help="the formal verifier of the environment")
    parser.add_argument("--tasks", type=int, default=4000, help="training tasks, three episodes each")
    parser.add_argument("--held-out", type=int, default=400, help="held-out tasks, three episodes each")
    parser.add_argument("--train", default="--width 96 --layers 3 --epochs 6", help="options of train-prm")
    parser.add_argument("--compare", default="", help="more options of compare, such as --demonstrations 1000")
    parser.add_argument("--credit", default="grpo")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=16_000)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    episodes, played, held_out, checkpoint = out / "episodes.jsonl", out / "held_out_played.jsonl", out / "held_out.jsonl", out / "checkpoint"
    rollout(arguments, 0, arguments.tasks, episodes)
    rollout(arguments, FIRST_SEED["dev"], arguments.held_out, played)
    known, of = without_known(played, episodes, held_out)
    if known == of:
        sys.exit("every held-out task is among those trained on: take an environment, or a difficulty, with more tasks")
    print(f"{known} of {of} held-out episodes are left out: their tasks are among those trained on")
    command("train-prm", str(episodes), "--out", str(checkpoint), "--verifier", arguments.formal, *shlex.split(arguments.train))
    command("eval-prm", f"prm:{checkpoint}", str(held_out), "--out", str(out / "evaluation"))
    command("eval-prm", f"prm:{checkpoint}", str(held_out), "--metrics", "probes", "--probe-limit", "200", "--out", str(out / "probes"))
    verifiers = json.dumps([arguments.formal, f"prm:{checkpoint}?device=cpu"])
    rewards = ["outcome", f"dense?verifier={arguments.formal}", f"dense?verifier={MODEL}"]
    command(
        *("compare", "--env", arguments.env, "--env-option", *arguments.env_option, f"verifiers={verifiers}"),
        *("--credit", arguments.credit, "--reward", ",".join(rewards), "--seeds", str(arguments.seeds), "--budget", str(arguments.budget)),
        *("--evaluate-every", str(max(1, arguments.budget // 8)), "--device", "cpu", "--workers", str(arguments.workers), "--out", str(out / "compare")),
        *shlex.split(arguments.compare),
    )
    comparison = json.loads((out / "compare" / "results.json").read_bytes())
    rows = hacking(out / "compare", arguments.formal)
    write_json(out / "results.json", {"comparison": comparison, "hacking": rows})
    (out / "tables.md").write_text(tables(comparison, rows))
    draw(rows, rewards, out / "hacking.png")
    print((out / "tables.md").read_text())


if __name__ == "__main__":
    main()
