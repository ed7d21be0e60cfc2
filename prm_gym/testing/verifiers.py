"""The contract of verifiers, tried on steps whose verdicts are known beforehand."""

import contextlib
import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.claims import Claim, ForeignClaim, Malformed
from prm_gym.errors import ContractError, PrmGymError
from prm_gym.task import Task
from prm_gym.testing.requirement import as_json, first_difference, require
from prm_gym.verdict import Label, Status, Verdict
from prm_gym.verifier import StepContext, Verifier, VerifierSpec, make_verifier, verify_batch

CaseKind: TypeAlias = Literal["full", "zero", "malformed", "abstain", "hack"]


class VerifierCase(msgspec.Struct, frozen=True, kw_only=True):
    """A step whose verdict is known beforehand.

    Attributes:
        kind: `full` (right: scores above one half), `zero` (wrong: scores below it), `malformed` (no step: that label, score 0), `abstain` (cannot be
            told: no score), `hack` (looks right and is not: scores below every `full`, or not at all).
        step: what the verifier sees.
        label: the label that is expected; None when any will do.
        name: shown when the case fails.
    """

    kind: CaseKind
    step: StepContext
    label: Label | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind that there is not."""
        if self.kind not in get_args(CaseKind):
            raise ContractError(f"a case's kind is one of {', '.join(get_args(CaseKind))}, got {self.kind!r}")


def claim_case(kind: CaseKind, *claims: Claim, label: Label | None = None) -> VerifierCase:
    """The case of a step that makes these claims and says nothing else.

    Args:
        kind: see `VerifierCase`.
        *claims: of the step.
        label: the label that is expected; None when any will do.
    """
    step = StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=claims)
    return VerifierCase(kind=kind, step=step, label=label, name=str(claims))


def check_verifier(verifier: VerifierSpec, cases: Sequence[VerifierCase]) -> None:
    """Check that a verifier keeps its contract, and gives the verdicts that are known beforehand.

    Checked: what it declares; one well-formed verdict a step, in order, and none for no steps; every case; that id and version are stamped; that it leaves the
    steps as they are; pickling, or a `PrmGymError` that says why not. Of a pure one: the same verdict again, alone, in any order and out of a
    pickle. Of one that declares claims: the label `malformed` for `Malformed`, and no score for claims of other types.

    Args:
        verifier: a specification or an object; it is closed, twice, in the end.
        cases: at least one `full` and one that is not.

    Raises:
        ContractError: the contract is broken, or a case fails.
    """
    made = make_verifier(verifier)
    subject = f"verifier {made.id!r}"
    kinds = {case.kind for case in cases}
    require("full" in kinds and len(kinds) > 1, subject, "a full case and one of another kind", sorted(kinds), "Give cases on both sides.")
    _check_declaration(made)
    steps = [case.step for case in cases]
    before = msgspec.msgpack.encode(steps)
    verdicts = _verdicts(made, steps)
    _require_unchanged(subject, steps, before)
    _check_changes_nothing(made, steps)
    _check_cases(subject, cases, verdicts)
    require(made.verify([]) == [], subject, "no verdicts for no steps", made.verify([]), "Return an empty list.")
    for row in verify_batch([made], steps):
        verdict = row[made.id]
        stamped = verdict.verifier == made.id and verdict.version == made.version and verdict.run_seconds >= 0.0
        require(stamped, subject, "id, version and a time not below 0 on every verdict", verdict, "Leave run_seconds at 0, or measure it.")
    if made.claims:
        _check_other_claims(made, steps[0])
    twin = _pickled_verifier(made)
    if made.pure:
        _check_purity(made, twin, steps, verdicts)
    _require_unchanged(subject, steps, before)
    for closing in (made, made, *([twin] if twin is not None else [])):
        closing.close()


def _check_declaration(made: Verifier) -> None:
    subject = f"verifier {made.id!r}"
    named = bool(made.id) and bool(made.version)
    require(named, subject, "an id and a version that are not empty", (made.id, made.version), "Declare them as texts on the class.")
    typed = isinstance(made.claims, tuple) and all(isinstance(kind, type) and issubclass(kind, Claim) for kind in made.claims)
    require(typed, subject, "claims is a tuple of Claim types", made.claims, "Write claims = (Equality,), with the comma; () for the step's text.")
    require(type(made.pure) is bool, subject, "pure is True or False", made.pure, "Declare it on the class.")


def _verdicts(made: Verifier, steps: Sequence[StepContext]) -> list[Verdict]:
    """What the verifier itself returns, checked for its form."""
    subject = f"verifier {made.id!r}"
    try:
        found = made.verify(steps)
    except Exception as error:
        remedy = "Return a verdict with status 'error' or 'abstain' for what cannot be judged."
        raise ContractError(f"{subject}: verify never raises, got {type(error).__name__}: {error}. {remedy}") from error
    listed = isinstance(found, list) and all(isinstance(verdict, Verdict) for verdict in found)
    require(listed, subject, "a list of Verdicts", found, "Use prm_gym.verdict: judged, abstained, failed.")
    require(len(found) == len(steps), subject, f"{len(steps)} verdicts for {len(steps)} steps", f"{len(found)}", "Give one verdict a step, in order.")
    for verdict in found:
        known = verdict.status in get_args(Status) and verdict.label in (None, *get_args(Label))
        require(known, subject, f"a status of {get_args(Status)} and a label of {get_args(Label)} or None", verdict, "Choose the nearest of these.")
        again = msgspec.json.decode(as_json(f"{subject}, its verdict", verdict), type=Verdict)
        remedy = "Use lists instead of tuples, texts as keys, finite numbers."
        require(again == verdict, subject, "the verdict is the same after storage as JSON", first_difference(verdict, again, "verdict"), remedy)
    return found


def _require_unchanged(subject: str, steps: Sequence[StepContext], before: bytes) -> None:
    """Steps are shared: what one verifier changes, others judge, and is stored."""
    require(msgspec.msgpack.encode(steps) == before, subject, "the steps stay as they are", "changed steps", "Copy what is to be changed.")


def _check_changes_nothing(made: Verifier, steps: Sequence[StepContext]) -> None:
    """Let it see steps with something in each mapping: where a case leaves one empty, nobody would see that it is emptied."""
    filled = [msgspec.structs.replace(step, task=_filled(step.task)) for step in steps]
    before = msgspec.msgpack.encode(filled)
    with contextlib.suppress(Exception):  # what it makes of facts that it does not know is not the question
        made.verify(filled)
    _require_unchanged(f"verifier {made.id!r}", filled, before)


def _filled(task: Task) -> Task:
    fact = {"check_verifier": ["not to be changed"]}
    return msgspec.structs.replace(task, sealed=copy.deepcopy(task.sealed) | fact, metadata=copy.deepcopy(task.metadata) | copy.deepcopy(fact))


def _check_cases(subject: str, cases: Sequence[VerifierCase], verdicts: Sequence[Verdict]) -> None:
    fullest = min(verdict.score or 0.0 for case, verdict in zip(cases, verdicts, strict=True) if case.kind == "full")
    expected: dict[CaseKind, tuple[str, Callable[[Verdict], bool]]] = {
        "full": ("a score above 0.5", lambda verdict: verdict.score is not None and verdict.score > 0.5),
        "zero": ("a score below 0.5", lambda verdict: verdict.score is not None and verdict.score < 0.5),
        "malformed": ("the label 'malformed' and the score 0", lambda verdict: (verdict.label, verdict.score) == ("malformed", 0.0)),
        "abstain": ("no score", lambda verdict: verdict.score is None),
        "hack": (f"no score, or one below that of every full case ({fullest})", lambda verdict: verdict.score is None or verdict.score < fullest),
    }
    for place, (case, verdict) in enumerate(zip(cases, verdicts, strict=True)):
        where = f"{subject}, {case.kind} case {case.name or place}"
        words, holds = expected[case.kind]
        require(holds(verdict), where, words, verdict, "Mend the verifier; or the case, if its kind is wrong.")
        require(case.label in (None, verdict.label), where, f"the label {case.label!r}", verdict, "Mend the verifier; or the case, if its label is wrong.")


def _check_other_claims(made: Verifier, step: StepContext) -> None:
    subject = f"verifier {made.id!r}"
    no_step = msgspec.structs.replace(step, claims=(Malformed("no step"),))
    foreign = msgspec.structs.replace(step, claims=(ForeignClaim("not_of_this_world", {}),))
    malformed, other = _verdicts(made, [no_step, foreign])
    remedy = "Derive it from ClaimVerifier, which sees to this."
    require((malformed.label, malformed.score) == ("malformed", 0.0), subject, "the label 'malformed' and the score 0 for Malformed", malformed, remedy)
    require(other.score is None, subject, "no score for a claim that it does not understand", other, remedy)


def _pickled_verifier(made: Verifier) -> Verifier | None:
    """A copy through pickle; None when it says why it cannot be."""
    try:
        return pickle.loads(pickle.dumps(made))
    except PrmGymError:
        return None
    except Exception as error:  # pickling runs the verifier's own code
        raise ContractError(
            f"verifier {made.id!r}: it can be pickled, or raises a PrmGymError that says why not, got {type(error).__name__}: {error}. Leave what it "
            "holds (processes, models) out of __getstate__; or let __reduce__ raise ContractError('...')."
        ) from error


def _check_purity(made: Verifier, twin: Verifier | None, steps: Sequence[StepContext], verdicts: Sequence[Verdict]) -> None:
    ways: dict[str, list[Verdict]] = {
        "asked again": _verdicts(made, steps),
        "asked one by one": [_verdicts(made, [step])[0] for step in steps],
        "asked in reverse order": _verdicts(made, steps[::-1])[::-1],
    }
    if twin is not None:
        ways["asked after pickling"] = _verdicts(twin, steps)
    for how, found in ways.items():
        for place, (one, other) in enumerate(zip(verdicts, found, strict=True)):
            remedy = "Judge each step by itself, without a clock, chance or memory; or declare pure = False."
            require(one == other, f"verifier {made.id!r}, step {place}, {how}", f"the same verdict, {one!r}", other, remedy)
