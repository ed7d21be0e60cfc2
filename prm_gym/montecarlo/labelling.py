"""Stored trajectories labelled by roll-outs, as verdicts: what `prm-gym label` writes out and process reward models are trained on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Literal, Self, TypeAlias, get_args

import msgspec

from prm_gym.agent import Agent, make_agent
from prm_gym.errors import OptionError
from prm_gym.montecarlo.estimate import Estimate
from prm_gym.montecarlo.estimator import Budget, RolloutEstimator
from prm_gym.montecarlo.labels import LEAST_CONFIDENCE, TOLERANCE, denoised_labels, error_labels
from prm_gym.montecarlo.prefix import prefixes_of
from prm_gym.montecarlo.search import first_errors
from prm_gym.montecarlo.verdicts import Reading, malformed
from prm_gym.rescore import contexts
from prm_gym.trajectory import Trajectory
from prm_gym.verdict import Verdict, abstained, judged

Method: TypeAlias = Literal["soft", "hard", "search", "denoised"]

VERIFIER, VERSION = "montecarlo", "1"


class LabelOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How steps are labelled.

    Attributes:
        method: "soft" (share of successes), "hard" (any success), "search" (binary search for the first error), "denoised" (SCAN).
        k: roll-outs of a prefix.
        seed: of the roll-outs.
        threshold: a step is called correct from this score on.
        least_confidence: of "denoised", see `denoised_labels`.
        tolerance: likewise.
        num_envs: roll-outs that run at once.
        budget: of each environment with its options; None for no bound.
        batch: trajectories whose roll-outs run together; work that is interrupted loses these at the most. Labels do not depend on it.
        source: where the agent was loaded from; a part of the verdicts' version, so that labels of another one are not taken for its own.
    """

    method: Method = "soft"
    k: int = 8
    seed: int = 0
    threshold: float = 0.5
    least_confidence: float = LEAST_CONFIDENCE
    tolerance: int = TOLERANCE
    num_envs: int = 32
    budget: Budget | None = None
    batch: int = 64
    source: str = ""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise OptionError(f"method is one of {', '.join(get_args(Method))}, got {self.method!r}")
        if self.k < 1 or self.batch < 1 or self.num_envs < 1:
            raise OptionError(f"k, batch and num_envs are numbers from 1 on, got {self.k}, {self.batch} and {self.num_envs}")
        if not (0.0 < self.threshold <= 1.0 and 0.0 <= self.least_confidence <= 1.0 and self.tolerance >= 0):
            said = f"{self.threshold}, {self.least_confidence} and {self.tolerance}"
            raise OptionError(f"threshold lies in (0, 1], least_confidence in [0, 1], and tolerance is a number of steps from 0 on, got {said}")

    def version(self, agent: str) -> str:
        """Of the verdicts of an agent's roll-outs: all that they depend on.

        >>> LabelOptions(method="search", k=16).version("random")
        '1 search k=16 seed=0 threshold=0.5 random'
        """
        own = f" least_confidence={self.least_confidence:g} tolerance={self.tolerance}" if self.method == "denoised" else ""
        spent = "" if self.budget is None else f" budget={self.budget.rollouts}/{self.budget.steps}"
        return f"{VERSION} {self.method} k={self.k} seed={self.seed} threshold={self.threshold:g}{own}{spent} {agent}{f' {self.source}' if self.source else ''}"


DEFAULT_OPTIONS = LabelOptions()


def label_by_rollouts(trajectories: Iterable[Trajectory], agent: str | Agent, options: LabelOptions = DEFAULT_OPTIONS) -> Iterator[Trajectory]:
    """The trajectories with a verdict of "montecarlo" on every step, as they become known, in order; verdicts of other verifiers are kept.

    Every trajectory is brought back to life in the environment that it names, with the options that are stored with it. Trajectories that the
    infrastructure spoilt are left out.

    Args:
        trajectories: with the seeds of their episodes.
        agent: that continues, or its specification.
        options: how steps are labelled.

    Raises:
        UnknownNameError: an environment that is not registered here.
        OptionError: options of an environment that cannot be given again (tasks that were given in the options themselves).
    """
    pending = (trajectory for trajectory in trajectories if trajectory.valid)
    with RolloutLabeller(agent, options) as labeller:
        while chunk := list(islice(pending, options.batch)):
            yield from labeller.label(chunk)


class RolloutLabeller:
    """Labels trajectories by roll-outs; the environments are made once each."""

    def __init__(self, agent: str | Agent, options: LabelOptions = DEFAULT_OPTIONS) -> None:
        """Make the agent; see `label_by_rollouts`."""
        self.agent, self.options = make_agent(agent), options
        self._estimators: dict[bytes, RolloutEstimator] = {}

    def label(self, trajectories: Sequence[Trajectory]) -> list[Trajectory]:
        """Valid trajectories with a verdict of "montecarlo" on every step; their roll-outs run together."""
        rows: dict[bytes, list[int]] = {}
        for row, trajectory in enumerate(trajectories):
            if trajectory.steps:
                rows.setdefault(self._key(trajectory), []).append(row)
        verdicts: dict[int, list[Verdict]] = {}
        for key, members in rows.items():
            found = step_verdicts(self._estimators[key], [trajectories[row] for row in members], self.options)
            verdicts.update(zip(members, found, strict=True))
        version = self.options.version(self.agent.id)
        return [_with(trajectory, verdicts.get(row, []), version) for row, trajectory in enumerate(trajectories)]

    def _key(self, trajectory: Trajectory) -> bytes:
        """Of the estimator for its environment, which is made where there is none."""
        options = self.options
        key = msgspec.json.encode((trajectory.env_id, trajectory.env_options), order="deterministic")
        if key not in self._estimators:
            self._estimators[key] = RolloutEstimator(
                self.agent, trajectory.env_id, trajectory.env_options, num_envs=options.num_envs, seed=options.seed, budget=options.budget
            )
        return key

    def close(self) -> None:
        """Close the environments."""
        for estimator in self._estimators.values():
            estimator.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def step_verdicts(estimator: RolloutEstimator, trajectories: Sequence[Trajectory], options: LabelOptions = DEFAULT_OPTIONS) -> list[list[Verdict]]:
    """One verdict a step of each trajectory.

    Args:
        estimator: for the environment of all of them.
        trajectories: with one step at least each.
        options: how steps are labelled.
    """
    match options.method:
        case "search":
            found = _searched(estimator, trajectories, options)
        case "denoised":
            found = _denoised(estimator, trajectories, options)
        case _:
            found = _estimated(estimator, trajectories, options)
    return [
        [malformed(step) or verdict for step, verdict in zip(contexts(trajectory), verdicts, strict=True)]
        for trajectory, verdicts in zip(trajectories, found, strict=True)
    ]


def _estimated(estimator: RolloutEstimator, trajectories: Sequence[Trajectory], options: LabelOptions) -> list[list[Verdict]]:
    mode = "hard" if options.method == "hard" else "soft"
    reading = Reading(estimator.agent.id, estimator.seed, mode, options.threshold)
    chains = [prefixes_of(trajectory) for trajectory in trajectories]
    draw = estimator.reach if mode == "hard" else estimator.estimate
    starts = estimator.reach([chain[0] for chain in chains], options.k)
    flat = iter(draw([prefix for chain in chains for prefix in chain[1:]], options.k))
    return [[reading.verdict(next(flat), start) for _ in chain[1:]] for chain, start in zip(chains, starts, strict=True)]


def _searched(estimator: RolloutEstimator, trajectories: Sequence[Trajectory], options: LabelOptions) -> list[list[Verdict]]:
    found = first_errors(estimator, [prefixes_of(trajectory) for trajectory in trajectories], options.k)
    verdicts: list[list[Verdict]] = []
    for trajectory, error in zip(trajectories, found, strict=True):
        labels = error_labels(error.index, len(trajectory.steps))
        tried = {str(steps): [estimate.successes, estimate.trials] for steps, estimate in sorted(error.estimates.items())}
        evidence = {
            "agent": estimator.agent.id,
            "mode": "search",
            "seed": estimator.seed,
            "first_error": error.index,
            "rollouts": error.rollouts,
            "tried": tried,
        }
        verdicts.append([_verdict(label, error.reason or "it comes after the first error", options.threshold, evidence) for label in labels])
    return verdicts


def _denoised(estimator: RolloutEstimator, trajectories: Sequence[Trajectory], options: LabelOptions) -> list[list[Verdict]]:
    """Roll-outs of steps are drawn where they decide something alone: in solutions that failed, of tasks that the agent can do."""
    chains = [prefixes_of(trajectory) for trajectory in trajectories]
    starts = estimator.estimate([chain[0] for chain in chains], options.k)
    ends = [trajectory.outcome for trajectory in trajectories]
    wanted = [
        (start.soft or 0.0) >= options.least_confidence and outcome is not None and outcome < estimator.success
        for start, outcome in zip(starts, ends, strict=True)
    ]
    flat = iter(estimator.estimate([prefix for chain, want in zip(chains, wanted, strict=True) if want for prefix in chain[1:]], options.k))
    verdicts: list[list[Verdict]] = []
    for chain, start, outcome, want in zip(chains, starts, ends, wanted, strict=True):
        estimates: list[Estimate | None] = [next(flat) if want else None for _ in chain[1:]]
        values = [None if estimate is None else estimate.soft for estimate in estimates]
        labels = denoised_labels(values, start.soft, outcome, least_confidence=options.least_confidence, tolerance=options.tolerance, success=estimator.success)
        evidence = {
            "agent": estimator.agent.id,
            "mode": "denoised",
            "seed": estimator.seed,
            "confidence": start.soft,
            "rollouts": start.trials,
            "values": values,
        }
        reason = _silence(start, outcome, values, options.least_confidence)
        verdicts.append([_verdict(label, reason, options.threshold, evidence) for label in labels])
    return verdicts


def _silence(start: Estimate, outcome: float | None, values: Sequence[float | None], least: float) -> str:
    """Why a solution, or what comes after its error, has no labels."""
    if start.soft is None:
        return f"the agent's confidence is not known: {start.reason or 'too few roll-outs'}"
    if start.soft < least or start.soft == 0.0:
        return f"the agent succeeds in less than {least:.0%} of its roll-outs from the beginning: too weak for this task to be labelled by it"
    if outcome is None:
        return "the solution has no outcome"
    if 0.0 not in values:
        return "the agent succeeds after every step of this failed solution: the place of the error is not known"
    return "it comes after the first error, or the value of a step before that is not known"


def _verdict(label: float | None, reason: str, threshold: float, evidence: Mapping[str, object]) -> Verdict:
    if label is None:
        return abstained(reason, **evidence)
    return judged("correct" if label >= threshold else "incorrect", label, "labelled by roll-outs", **evidence)


def _with(trajectory: Trajectory, verdicts: Sequence[Verdict], version: str) -> Trajectory:
    steps = [
        msgspec.structs.replace(step, verdicts={**step.verdicts, VERIFIER: msgspec.structs.replace(verdict, verifier=VERIFIER, version=version)})
        for step, verdict in zip(trajectory.steps, verdicts, strict=True)
    ]
    return msgspec.structs.replace(trajectory, steps=tuple(steps))
