"""How far each credit assigner's estimate of the policy gradient is from the exact one, on small problems where that can be computed. Nothing is trained.

python benchmarks/credit/gradient/run.py [--out results.jsonl] [--plot gradient.png] [--json] [--quick]
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from gradient_estimates import (
    WEIGHTINGS,
    Sampled,
    advantages_of,
    estimates,
    extra_columns,
    measured,
    sample,
    with_columns,
)
from gradient_tables import draw, tables
from tabular_problems import PROBLEMS, Problem, exact, random_policy

from prm_gym.credit import ASSIGNERS, StepBatch, find_assigner
from prm_gym.credit.array_types import FloatArray
from prm_gym.errors import PrmGymError
from prm_gym.progress import progress

SEED = 20261122
VARIANTS = (
    "reinforce?baseline=batch",
    "reinforce?gamma=0.9",
    "gigpo?gamma=1",
    "gigpo?normalize=mean_std",
    "gigpo?step_weight=0.5",
    "salt?base=rloo",
)
"""Beside every assigner with its defaults: options that move the gradient."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers; a stored result counts only under the same.

    Attributes:
        batches: a policy.
        attempts: at each task, in each batch.
        seed: of everything.
    """

    batches: int
    attempts: int
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """One assigner on one policy.

    Attributes:
        problem: its name.
        policy: its number.
        spec: of the assigner.
        settings: see `Settings`.
        extra: whether the assigner was given columns that rollouts alone do not fill.
        reason: why there are no measures, or "".
        measures: by weighting, against the gradient of the expected outcome; none where there is a reason.
        of_rewards: with the weighting "attempt", against the gradient of the expected sum of the rewards; None where these are the outcome alone.
        seconds: that the assigner took for all batches.
    """

    problem: str
    policy: int
    spec: str
    settings: dict[str, int]
    extra: bool
    reason: str
    measures: dict[str, dict[str, float | None]]
    of_rewards: dict[str, float | None] | None
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A problem with one policy, played.

    Attributes:
        sampled: what was played.
        gradient: [S * A] float64, of the expected outcome.
        of_rewards: [S * A] float64, of the expected sum of the rewards.
        fuller: the batches with the columns that rollouts alone do not fill.
    """

    sampled: Sampled
    gradient: FloatArray
    of_rewards: FloatArray
    fuller: list[StepBatch]


def prepare(problem: Problem, policy: int, settings: Settings) -> Prepared:
    """Play the batches of one policy; the same for every assigner, and whichever of them are asked for.

    Problems that differ in their verdicts alone get the same policies.
    """
    logits = random_policy(problem, np.random.default_rng([settings.seed, policy]))
    rng = np.random.default_rng([settings.seed, policy, *problem.name.encode()])
    sampled = sample(problem, logits, settings.batches, settings.attempts, rng)
    of_rewards = exact(problem, logits, dense=True)
    fuller = with_columns(sampled, extra_columns(problem, sampled.attempts, of_rewards, rng))
    return Prepared(sampled, exact(problem, logits).gradient.ravel(), of_rewards.gradient.ravel(), fuller)


def tried(spec: str, prepared: Prepared, policy: int, settings: Settings) -> Result:
    """One assigner on one policy, or why it could not be run."""
    problem = prepared.sampled.problem
    needs = set(find_assigner(spec)[0].needs)
    of_rollouts = set(prepared.sampled.batches[0].columns)
    extra = not needs <= of_rollouts
    place = (problem.name, policy, spec, asdict(settings), extra)
    start = time.process_time()
    try:
        if lacking := sorted(needs - set(prepared.fuller[0].columns)):
            return Result(*place, f"the problem fills no {', '.join(lacking)}", {}, None, 0.0)
        advantages = advantages_of(spec, prepared.fuller if extra else prepared.sampled.batches)
    except PrmGymError as error:
        return Result(*place, str(error), {}, None, 0.0)
    seconds = time.process_time() - start
    estimate = estimates(prepared.sampled, advantages)
    measures = {weighting: asdict(measured(estimate[weighting], prepared.gradient)) for weighting in WEIGHTINGS}
    of_rewards = None if problem.verdicts is None else asdict(measured(estimate["attempt"], prepared.of_rewards))
    return Result(*place, "", measures, of_rewards, seconds)


def study(problems: Sequence[str], policies: int, specs: Sequence[str], settings: Settings, done: Sequence[Result]) -> Iterator[tuple[Result, int, int]]:
    """Every result that is not there yet, with how many of how many are done."""
    known = {(result.problem, result.policy, result.spec) for result in done}
    total = len(problems) * policies * len(specs)
    for name in problems:
        problem = PROBLEMS[name]()
        for policy in range(policies):
            left = [spec for spec in specs if (name, policy, spec) not in known]
            prepared = prepare(problem, policy, settings) if left else None
            for spec in left:
                if prepared is not None:
                    known.add((name, policy, spec))
                    yield tried(spec, prepared, policy, settings), len(known), total


def stored(path: Path | None, settings: Settings) -> list[Result]:
    """Results of an earlier run with the same settings; a line that was cut off is left out."""
    if path is None or not path.exists():
        return []
    found: list[Result] = []
    for line in path.read_text().splitlines():
        try:
            result = Result(**json.loads(line))
        except ValueError:
            continue
        if result.settings == asdict(settings):
            found.append(result)
    return found


def append(path: Path, result: Result) -> None:
    """One more line, on a line of its own even after one that was cut off."""
    torn = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a") as file:
        file.write("\n" * torn + json.dumps(asdict(result)) + "\n")


def main() -> None:
    """Run what is missing, and print the tables, or every result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--specs", nargs="+", default=[*ASSIGNERS.names(), *VARIANTS], help="assigners with options; unless given all, and some variants")
    parser.add_argument("--policies", type=int, default=10, help="random policies a problem")
    parser.add_argument("--batches", type=int, default=200, help="batches a policy")
    parser.add_argument("--attempts", type=int, default=8, help="at each of the four tasks, in each batch")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="file of results, a line each; what it holds is not run again")
    parser.add_argument("--plot", type=Path, help="picture to draw (needs the extra report)")
    parser.add_argument("--json", action="store_true", help="print every result as JSON instead of the tables")
    parser.add_argument("--quick", action="store_true", help="a look: 3 policies, 60 batches")
    options = parser.parse_args()
    if options.quick:
        options.policies, options.batches = 3, 60
    settings = Settings(options.batches, options.attempts, options.seed)
    wanted = {(problem, policy, spec) for problem in options.problems for policy in range(options.policies) for spec in options.specs}
    results = [result for result in stored(options.out, settings) if (result.problem, result.policy, result.spec) in wanted]
    with progress("results") as show:
        for result, count, total in study(options.problems, options.policies, options.specs, settings, results):
            results.append(result)
            if options.out is not None:
                append(options.out, result)
            show(f"{result.problem} {result.policy}", count, total)
    rows = [asdict(result) for result in results]
    print(json.dumps(rows, indent=1) if options.json else tables(rows, options.problems))
    if options.plot is not None:
        draw(rows, options.problems, options.plot)


if __name__ == "__main__":
    main()
