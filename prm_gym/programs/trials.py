"""Trials: a function called with the arguments of cases, and what came of every case, though some of them may end the process."""

import builtins
import random
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims import Case, Json
from prm_gym.sandbox import CallResult, Calls, Limits, Sandbox
from prm_gym.sandbox.values import same

# Cases of one trial that may end their process (hang, crash, want too much); those after them count as failed.
MOST_ENDINGS = 3

Ending: TypeAlias = Literal["returned", "raised", "exception", "timeout", "memory", "output", "crash", "not run"]


class Trial(msgspec.Struct, frozen=True):
    """A program and the calls that it is tried with.

    Attributes:
        code: Python source; untrusted.
        function: name of the function that is called.
        cases: calls with what they should return; that stays on the host.
        tolerance: of floats, see `prm_gym.sandbox.values.same`.
        wall_seconds: that one run of the program may take.
        shuffled: the calls are made in an order that depends on the cases alone, so that the n-th call is not the n-th case.
        patient: begin again after a case that ended the process; else the cases after it count as not run.
    """

    code: str
    function: str
    cases: tuple[Case, ...]
    tolerance: float = 0.0
    wall_seconds: float = 2.0
    patient: bool = True
    shuffled: bool = True


class CaseOutcome(msgspec.Struct, frozen=True):
    """What came of one case.

    Attributes:
        passed: it did what it should.
        ending: "returned", "raised", or how the process ended: "exception" (the program cannot be loaded), "timeout", "memory", "output", "crash", "not run".
        value: what was returned, encoded; a claim of the program.
        error: what was raised, or how the process ended.
    """

    passed: bool
    ending: Ending
    value: Json = None
    error: str = ""

    def alike(self, other: "CaseOutcome") -> bool:
        """Whether nothing that can be seen tells the two apart: value, class of the exception, or how the process ended."""
        if self.ending != other.ending:
            return False
        if self.ending == "returned":
            return same(self.value, other.value) or self.value == other.value
        return self.ending != "raised" or exception_name(self.error) == exception_name(other.error)


def run_trials(sandbox: Sandbox, trials: Sequence[Trial]) -> list[list[CaseOutcome] | None]:
    """What came of every case of every trial; None for a trial that the sandbox itself spoilt.

    All trials run side by side, the cases of one in one process. When a case ends the process (it hangs, crashes, leaves), it is run again as the first case of
    a new one; only what ends that one too has failed, and the next case begins another. After `MOST_ENDINGS` such cases the rest count as failed.

    Args:
        sandbox: where they run.
        trials: whose arguments are well-formed encodings (see `is_encoding`).

    Raises:
        SandboxError: there is no sandbox here.
    """
    orders = [_order(trial) for trial in trials]
    mixed = [msgspec.structs.replace(trial, cases=tuple(trial.cases[place] for place in order)) for trial, order in zip(trials, orders, strict=True)]
    return [
        None if outcomes is None else [outcome for _, outcome in sorted(zip(order, outcomes, strict=True), key=lambda one: one[0])]
        for order, outcomes in zip(orders, _run_in_order(sandbox, mixed), strict=True)
    ]


def _order(trial: Trial) -> list[int]:
    """The places of the cases in the order of the calls."""
    order = list(range(len(trial.cases)))
    if trial.shuffled:
        random.Random(repr((trial.function, trial.cases))).shuffle(order)
    return order


def _run_in_order(sandbox: Sandbox, trials: Sequence[Trial]) -> list[list[CaseOutcome] | None]:
    found: list[list[CaseOutcome] | None] = [[] for _ in trials]
    endings = [0] * len(trials)
    open_trials = [place for place, trial in enumerate(trials) if trial.cases]
    while open_trials:
        for place, calls in _round(sandbox, trials, found, open_trials):
            found[place] = _taken(trials[place], found[place] or [], calls, endings, place)
        open_trials = [place for place in open_trials if (done := found[place]) is not None and len(done) < len(trials[place].cases)]
    return found


def _round(sandbox: Sandbox, trials: Sequence[Trial], found: Sequence[list[CaseOutcome] | None], places: Sequence[int]) -> list[tuple[int, Calls]]:
    """Go on with every open trial from its first case without an outcome."""
    open_trials = [trials[place] for place in places]
    jobs = [
        (trial.code, trial.function, [list(case.arguments) for case in trial.cases[len(found[place] or []) :]])
        for place, trial in zip(places, open_trials, strict=True)
    ]
    limits = [Limits(wall_seconds=trial.wall_seconds, kept_bytes=1024) for trial in open_trials]
    return list(zip(places, sandbox.call_all(jobs, limits=limits), strict=True))


def _taken(trial: Trial, outcomes: list[CaseOutcome], calls: Calls, endings: list[int], place: int) -> list[CaseOutcome] | None:
    """The outcomes with those of one more process; at least one more than before."""
    run = calls.run
    if run.status == "fault":
        return None
    fresh = [result for result in calls.results if result.status != "missing"]
    outcomes = outcomes + [_outcome(case, result, trial.tolerance) for case, result in zip(trial.cases[len(outcomes) :], fresh, strict=False)]
    if len(fresh) == len(calls.results) or (fresh and trial.patient):
        return outcomes
    left = len(trial.cases) - len(outcomes)
    ending: Ending = "crash" if run.status == "ok" else run.status
    said = f"it took more than {trial.wall_seconds:g} seconds" if ending == "timeout" else run.error  # of wall or CPU time: that may vary
    ended = CaseOutcome(False, ending, error=said or "it left before it answered")
    endings[place] += 1
    unloaded = ending == "exception" and run.stderr != ""  # what a function raises is caught, and leaving with a code says nothing
    if unloaded or not trial.patient:
        return outcomes + [ended] * left
    if endings[place] == MOST_ENDINGS:
        return [*outcomes, ended, *[CaseOutcome(False, "not run", error="too many cases before it ended their process")] * (left - 1)]
    return [*outcomes, ended]


def _outcome(case: Case, result: CallResult, tolerance: float) -> CaseOutcome:
    if result.status == "raised":
        return CaseOutcome(bool(case.raises) and is_raised(case.raises, exception_name(result.error), result.nearest), "raised", error=result.error)
    return CaseOutcome(not case.raises and same(result.value, case.expected, tolerance), "returned", value=result.value)


def is_raised(name: str, own: str, nearest: str) -> bool:
    """Whether what was raised is of a class of that name: one of Python's own names stands for it and whatever derives from it.

    Args:
        name: of the class that was expected.
        own: of the class that was raised.
        nearest: of the class of Python's own that it is, or derives from first.
    """
    kind, raised = getattr(builtins, name, None), getattr(builtins, nearest, None)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return isinstance(raised, type) and issubclass(raised, kind)
    return own == name


def exception_name(error: str) -> str:
    """The name of the class in "ValueError: why"."""
    return error.partition(":")[0]
