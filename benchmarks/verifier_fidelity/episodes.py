"""How fast are entailments checked step after step of whole episodes, incrementally and with a fresh solver for every step?

python benchmarks/verifier_fidelity/episodes.py [--episodes 200] [--difficulty 3] [--json]

Half of the episodes are those of the scripted solver, half those of an agent that takes a listed action at random; each step that claims an entailment is one
question: does the conclusion follow from what is cited, which of it is needed, is it a tautology or a restatement, what is a counterexample? The answers of
all ways are compared.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import z3

from prm_gym.agent import make_agent
from prm_gym.claims import Entailment
from prm_gym.errors import FormulaError
from prm_gym.logic.entailment import EntailmentChecker, Finding
from prm_gym.logic.formula import Formula
from prm_gym.logic.proof import DischargeError, premises_of
from prm_gym.logic.signature import Signature
from prm_gym.logic.z3_solver import Z3Solver
from prm_gym.rollout import Rollouts, groups
from prm_gym.trajectory import Trajectory

Question: TypeAlias = tuple[tuple[str, ...], str]
ENVIRONMENTS = ("prm_gym/Deduction-v0", "prm_gym/NaturalDeduction-v0")
REPEATS = 3


class Z3Alone(Z3Solver):
    """Z3 without our truth tables."""

    def satisfiable(self, formulas: Sequence[Formula]) -> bool | None:
        """Whether the formulas can hold together, by Z3."""
        return self.ask(formulas, keep_model=False)


class InOneContext(Z3Alone):
    """A new Z3 solver each time, in one context: what one writes first."""

    context = z3.Context()

    def __init__(self, resource_limit: int, signature: Signature | None) -> None:
        super().__init__(resource_limit, signature, self.context)


def questions(trajectory: Trajectory) -> list[Question]:
    """The inferences of an episode, in order."""
    found: list[Question] = []
    for claim in (claim for step in trajectory.steps for claim in step.claims):
        if isinstance(claim, Entailment) and not claim.statement.assumed:
            earlier = {said.label: said for said in claim.known}
            try:
                found.append((premises_of(claim.statement, earlier, claim.language), claim.statement.formula))
            except (DischargeError, FormulaError):
                continue  # told without a solver
    return found


def played(env_id: str, difficulty: int, episodes: int) -> list[list[Question]]:
    """The questions of each episode."""
    rollouts = Rollouts(env_id, {"verifiers": [], "difficulty": difficulty}, 1)
    found: list[list[Question]] = []
    for agent in (make_agent("scripted"), make_agent("random", seed=0)):
        trajectories = rollouts.play(agent, groups(range(episodes), 1))
        found += [asked for trajectory in trajectories if (asked := questions(trajectory))][: episodes // 2]  # some end at once with a verdict
    return found


Way: TypeAlias = tuple[Callable[[], EntailmentChecker], bool]
WAYS: dict[str, Way] = {  # how the checker is made, and whether it forgets between episodes
    "as used": (EntailmentChecker, False),
    "as used, nothing remembered of earlier episodes": (EntailmentChecker, True),
    "nothing remembered": (lambda: EntailmentChecker(cache_size=0), False),
    "Z3 alone, solver kept, nothing remembered": (lambda: EntailmentChecker(cache_size=0, solver=Z3Alone), False),
    "Z3 alone, fresh solver, one context": (lambda: EntailmentChecker(cache_size=0, keep_solver=False, solver=InOneContext), False),
    "Z3 alone, fresh solver and context": (lambda: EntailmentChecker(cache_size=0, keep_solver=False, solver=Z3Alone), False),
}


def measured(episodes: Sequence[Sequence[Question]], way: Way) -> tuple[float, list[Finding]]:
    """Questions a second, the best of some runs, and the findings."""
    make, forgets = way
    best, findings = float("inf"), list[Finding]()
    for _ in range(REPEATS):
        checker = make()
        checker.examine(("{A}",), "{B}")  # the solver is there before the clock starts
        checker.forget(keep_solver=True)
        findings = []
        started = time.process_time()
        for episode in episodes:
            if forgets:
                checker.forget(keep_solver=True)
            findings += [checker.examine(*question) for question in episode]
        best = min(best, time.process_time() - started)
    return len(findings) / best, findings


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--difficulty", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    for env_id in ENVIRONMENTS:
        episodes = played(env_id, options.difficulty, options.episodes)
        rates: dict[str, float] = {}
        answers: list[Finding] | None = None
        for name, way in WAYS.items():
            rates[name], findings = measured(episodes, way)
            if answers is not None and findings != answers:
                raise SystemExit(f"{env_id}: {name} does not answer as the others do")
            answers = findings
        result[env_id] = {
            "episodes": len(episodes),
            "entailments": sum(map(len, episodes)),
            "entailments_per_second": {name: round(rate) for name, rate in rates.items()},
            "times_a_fresh_solver": {name: round(rate / rates["Z3 alone, fresh solver, one context"], 1) for name, rate in rates.items()},
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
