"""How many verdicts on steps of algebra there are in a second, against the same questions put to sympy in the same run.

python benchmarks/algebra_speed/run.py [--json] [--tasks 40]
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sympy

from prm_gym.claims import Claim, Consequence, Identity, SameSolutions
from prm_gym.env import StepEnv
from prm_gym.envs.math.algebra import AlgebraEnv
from prm_gym.envs.math.beam import BeamEnv
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.algebra import AlgebraVerifier

SEED = 20250501
MOST_STEPS = 6
SYMBOLS = {name: sympy.Symbol(name) for name in ("x", "y", "A", "B", "C", "M")}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        claims: what the claims are of.
        count: how many, all different.
        fresh: verdicts a second where nothing is remembered.
        again: verdicts a second on the same claims once more.
        sympy: answers a second of sympy.
        ratio: fresh / sympy.
        disagreements: claims that the two answer differently.
    """

    claims: str
    count: int
    fresh: float
    again: float
    sympy: float
    ratio: float
    disagreements: int


def collected(env: StepEnv, tasks: int) -> list[Claim]:
    """The claims of every listed action on the way of the scripted solver, each once."""
    claims: dict[Claim, None] = {}
    for seed in range(SEED, SEED + tasks):
        env.reset(seed=seed)
        for action in env.solution()[:MOST_STEPS]:
            here = env.snapshot()
            for listed in env.situation.actions:
                env.step(listed)
                claims.update(dict.fromkeys(env.past_steps[-1].claims))
                env.restore(here)
            env.step(action)
    return list(claims)


def forget() -> None:
    """Empty every memory of the algebra."""
    for name, module in list(sys.modules.items()):
        if name.startswith("prm_gym.algebra"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def labels(verifier: AlgebraVerifier, claims: Sequence[Claim]) -> tuple[list[bool], float]:
    """Whether each claim is right, and verdicts a second."""
    task = Task(key="benchmark", instructions="", question="")
    steps = [StepContext(task=task, observation="", action="", claims=(claim,)) for claim in claims]
    started = time.process_time()
    verdicts = [verifier.verify([step])[0] for step in steps]
    seconds = time.process_time() - started
    return [verdict.label in ("correct", "trivial") for verdict in verdicts], len(claims) / seconds


def as_sympy(text: str) -> Any:
    """An expression of our own generators."""
    explicit = re.sub(r"(?<=[0-9xyABCM)])(?=[xyABCM(])", "*", text.replace(" ", "")).replace("^", "**")
    return sympy.parse_expr(explicit, local_dict=SYMBOLS, transformations=(sympy.parsing.sympy_parser.auto_number, sympy.parsing.sympy_parser.rationalize))


def difference(text: str) -> Any:
    """Left minus right of an equation."""
    left, right = text.split("=")
    return as_sympy(left) - as_sympy(right)


def solutions(texts: Sequence[str]) -> Any:
    """The real solutions of a line."""
    if len(texts) > 1:
        rows = [difference(text) for text in texts]
        return sympy.linsolve(rows, *sorted({name for row in rows for name in row.free_symbols}, key=str))
    return sympy.Union(*(sympy.solveset(difference(part), SYMBOLS["x"], sympy.S.Reals) for part in texts[0].split(" or ")))


def by_sympy(claim: Claim) -> bool:
    """The answer of sympy to a claim."""
    match claim:
        case Identity(left, right):
            return sympy.simplify(as_sympy(left) - as_sympy(right)) == 0
        case SameSolutions(before, after):
            return solutions(before) == solutions(after)
        case Consequence(given, conclusion):
            rows = [difference(text) for text in given]
            names = sorted({name for row in rows for name in row.free_symbols}, key=str)
            values: Any = next(iter(sympy.linsolve(rows, *names)))
            return sympy.simplify(difference(conclusion).subs(dict(zip(names, values, strict=True)))) == 0
        case _:
            raise TypeError(claim)


def measured(name: str, claims: Sequence[Claim]) -> Line:
    """The line of a table for some claims."""
    verifier = AlgebraVerifier()
    labels(verifier, claims)  # imports and first calls
    forget()
    ours, fresh = labels(verifier, claims)
    _, again = labels(verifier, claims)
    by_sympy(claims[0])
    started = time.process_time()
    theirs = [by_sympy(claim) for claim in claims]
    rate = len(claims) / (time.process_time() - started)
    wrong = sum(one != other for one, other in zip(ours, theirs, strict=True))
    return Line(name, len(claims), fresh, again, rate, fresh / rate, wrong)


WORKLOADS: dict[str, Callable[[], StepEnv]] = {
    "linear equations (Algebra 1)": lambda: AlgebraEnv(difficulty=1, verifiers=[]),
    "brackets and expanding (Algebra 3)": lambda: AlgebraEnv(difficulty=3, verifiers=[]),
    "fractions and decimals (Algebra 4)": lambda: AlgebraEnv(difficulty=4, verifiers=[]),
    "quadratics, systems, products (Algebra 5)": lambda: AlgebraEnv(difficulty=5, verifiers=[]),
    "two reactions (Beam 2)": lambda: BeamEnv(difficulty=2, verifiers=[]),
    "three reactions (Beam 5)": lambda: BeamEnv(difficulty=5, verifiers=[]),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=40, help="tasks of each environment")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    lines = [measured(name, collected(make(), arguments.tasks)) for name, make in WORKLOADS.items()]
    if arguments.json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
        return
    print("| claims of | count | verdicts/s, fresh | verdicts/s, again | sympy, answers/s | ratio (fresh) | disagreements |")
    print("|---|---|---|---|---|---|---|")
    for line in lines:
        print(f"| {line.claims} | {line.count:,} | {line.fresh:,.0f} | {line.again:,.0f} | {line.sympy:,.0f} | {line.ratio:.0f} | {line.disagreements} |")


if __name__ == "__main__":
    main()
