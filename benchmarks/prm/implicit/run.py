"""Which of the signals that need no step labels finds the wrong step?

    python benchmarks/prm/implicit/run.py [--seeds 3] [--problems 800] [--prm PATH] [--json]

Writers of mixed skill do arithmetic on a clock of ten hours (`family.py`). A small decoder is trained on what they wrote, right or wrong, and is the reference
and the beginning of all. Then, from the outcomes alone: the implicit reward by cross-entropy and by preference, and a head for the outcome whose changes are
read; from step labels: an uncertainty head. Beside them a constant, the length of a step, and the likelihood of a step under the decoder.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from family import language_model, solutions

from prm_gym.chain_verifier import ChainVerifier
from prm_gym.chains import Chain, ChainStep
from prm_gym.prm.implicit.encoding import ChainEncoder
from prm_gym.prm.implicit.learner import LearningOptions
from prm_gym.prm.implicit.loading import load_model, load_tokenizer
from prm_gym.prm.implicit.logprobs import CausalModel, collate, step_sums
from prm_gym.prm.implicit.objectives import Combine, Objective
from prm_gym.prm.implicit.training import TrainingOptions, area_under_curve, train_implicit
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.uncertainty import Target
from prm_gym.prm.uncertainty_training import HeadOptions, train_head
from prm_gym.verifier import make_verifier

Scores = list[tuple[float | None, ...]]


def _error(one: LabelledChain) -> int:
    """The first error of a chain whose labels are all known."""
    found = one.first_error
    if found is None:
        raise ValueError(f"{one.id} has steps without a label")
    return found


def likelihood(chains: Sequence[LabelledChain], model: Path) -> Scores:
    """The mean log-probability of the tokens of each step under the decoder that all began from."""
    causal, encoder = CausalModel(load_model(model, "cpu")), ChainEncoder(load_tokenizer(model), "plain")
    found: Scores = []
    for start in range(0, len(chains), 64):
        part = [encoder.encode(one.chain) for one in chains[start : start + 64]]
        batch = collate(part, "cpu")
        with torch.inference_mode():
            logprobs = causal.logprobs(batch)
            means = iter((step_sums(logprobs, batch) / step_sums(torch.ones_like(logprobs), batch)).tolist())
        found += [tuple(next(means) for _ in one.spans) for one in part]
    return found


def judged(spec: str, chains: Sequence[Chain]) -> Scores:
    """What a verifier says of every step."""
    verifier = make_verifier(spec)
    assert isinstance(verifier, ChainVerifier)
    return [said.scores for said in verifier.judge(chains)]


def figures(scores: Scores, chains: Sequence[LabelledChain], threshold: float) -> dict[str, float]:
    """What the scores are worth; a step without a score counts as one half.

    Returns:
        `first`: AUC of right against wrong over the steps up to the first wrong one; `all`: over all steps, by themselves; `f1`: of ProcessBench, the first
        step below the threshold for the first wrong one; `told`: share of steps with a score.
    """
    flat = [0.5 if score is None else score for own in scores for score in own]
    labels = [label == 1.0 for one in chains for label in one.labels]
    until = [at <= _error(one) or _error(one) < 0 for one in chains for at in range(len(one.labels))]
    early = [at for at, keep in enumerate(until) if keep]
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for own, one in zip(scores, chains, strict=True):
        said = next((at for at, score in enumerate(own) if score is not None and score < threshold), -1)
        hits[_error(one) < 0].append(said == _error(one))
    right, wrong = (statistics.mean(hits[kind]) if hits[kind] else 0.0 for kind in (True, False))
    return {
        "first": area_under_curve([flat[at] for at in early], [labels[at] for at in early]),
        "all": area_under_curve(flat, labels),
        "f1": 2 * right * wrong / (right + wrong) if right + wrong else 0.0,
        "told": sum(score is not None for own in scores for score in own) / len(flat),
    }


def best_threshold(scores: Scores, chains: Sequence[LabelledChain]) -> float:
    """The threshold with the best F1, on chains that nothing else is measured on."""
    values = np.quantile([score for own in scores for score in own if score is not None], np.linspace(0.01, 0.99, 33))
    return float(max(values, key=lambda value: figures(scores, chains, float(value))["f1"]))


def padded(chains: Sequence[LabelledChain]) -> tuple[list[Chain], list[int]]:
    """Wrong solutions whose first wrong step goes on to repeat the step before it three times; and where that step stands."""
    found: list[Chain] = []
    places: list[int] = []
    for one in chains:
        at = _error(one)
        if at > 0:
            steps = list(one.chain.steps)
            steps[at] = ChainStep(f"{steps[at].text}\n\n" + "\n\n".join([steps[at - 1].text] * 3))
            found.append(Chain(one.chain.problem, tuple(steps)))
            places.append(at)
    return found, places


def measure(seed: int, problems: int, prm: str | None, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All rows of one seed."""
    train, tune, test = solutions(problems, 8, seed), solutions(200, 4, 10_000 + seed), solutions(400, 4, 20_000 + seed)
    started = time.process_time()
    said = language_model(train, folder / "lm", seed, epochs=8, width=96)
    about = {"seed": seed, **said, "seconds": time.process_time() - started, "right": statistics.mean(bool(one.outcome) for one in test)}
    specs: dict[str, tuple[str, float]] = {}
    learners: tuple[tuple[str, Objective, float, Combine], ...] = (
        ("implicit, cross-entropy", "cross-entropy", 0.5, "sum"),
        ("implicit, cross-entropy, beta 0.05", "cross-entropy", 0.05, "sum"),
        ("implicit, preference", "dpo", 0.5, "sum"),
        ("implicit, preference, mean over steps", "dpo", 0.5, "mean"),
    )
    for name, objective, beta, combine in learners:
        started = time.process_time()
        learning = LearningOptions(objective=objective, beta=beta, combine=combine, learning_rate=1e-3)
        out = folder / f"{objective}-{beta}-{combine}"
        train_implicit(train, str(folder / "lm"), out, TrainingOptions(learning=learning, epochs=3, batch_chains=32, template="plain"), device="cpu")
        specs[name] = (f"implicit:{out}?device=cpu", time.process_time() - started)
        if name == "implicit, cross-entropy":
            specs[f"{name}, value up to the step"] = (f"implicit:{out}?device=cpu&form=value", specs[name][1])
            specs[f"{name}, change of its confidence"] = (f"confidence:implicit:{out}?device=cpu&form=value&prior=0.5", specs[name][1])
    heads: tuple[tuple[str, Target], ...] = (("head on outcomes, change of confidence", "outcome"), ("head on step labels", "step"))
    for name, target in heads:
        started = time.process_time()
        report = train_head(train, str(folder / "lm"), folder / target, HeadOptions(target=target, epochs=20, template="plain"), device="cpu")
        specs[name] = (f"confidence:{report.path}?device=cpu", time.process_time() - started)
    if prm:
        specs["prm, step labels"] = (f"prm:{prm}?device=cpu", 0.0)
    scored: dict[str, tuple[Scores, Scores, float, str]] = {
        "constant": ([(0.5,) * len(one.labels) for one in test], [(0.5,) * len(one.labels) for one in tune], 0.0, ""),
        "likelihood under the decoder": (likelihood(test, folder / "lm"), likelihood(tune, folder / "lm"), 0.0, ""),
    }
    for name, (spec, seconds) in specs.items():
        scored[name] = (judged(spec, [one.chain for one in test]), judged(spec, [one.chain for one in tune]), seconds, spec)
    rows: list[dict[str, Any]] = []
    chains, places = padded(test)
    honest = [one for one in test if _error(one) > 0]
    for name, (scores, tuning, seconds, spec) in scored.items():
        rows.append({"name": name, "seed": seed, "seconds": seconds, **figures(scores, test, best_threshold(tuning, tune))})
        if spec:
            before = judged(spec, [one.chain for one in honest])
            pairs = [(own[at], other[at]) for own, other, at in zip(before, judged(spec, chains), places, strict=True)]
            rows[-1]["padding"] = statistics.mean(one is not None and other is not None and other > one for one, other in pairs)
    return rows, about


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problems", type=int, default=800)
    parser.add_argument("--prm", default=None, help="a discriminative checkpoint trained on step labels of this family, to stand beside")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    models: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            own, about = measure(seed, options.problems, options.prm, Path(folder))
        rows += own
        models.append(about)
        print(f"seed {seed}: {about}", file=sys.stderr)
    if options.json:
        print(json.dumps({"models": models, "rows": rows}, indent=1))
        return
    print("| signal | AUC to the first error | AUC, all steps | F1 | told | padding pays | processor s |\n|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        cells = [_spread([row[key] for row in own]) for key in ("first", "all", "f1", "told")]
        pays = _spread([row["padding"] for row in own]) if "padding" in own[0] else "-"
        print(f"| {name} | {' | '.join(cells)} | {pays} | {statistics.mean(row['seconds'] for row in own):.0f} |")


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    main()
