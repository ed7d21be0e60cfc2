"""Verifiers: claims or the text of a step in, verdicts out, in batches.

To write one, subclass `ClaimVerifier` (one claim at a time) or `Verifier` (the whole batch at once), give it an `id` and a `version`, and
declare it as an entry point of the group `prm_gym.verifiers`. `prm_gym.testing.check_verifier` tests it against the contract.

To use one without an environment, as in the reward function of a trainer, hand it claims: see `verify_claims`.
"""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from prm_gym.claims import Claim, Malformed
from prm_gym.errors import ContractError, OptionError, PrmGymError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.task import Origin, Task
from prm_gym.verdict import Verdict, abstained, failed, judged


class PastStep(msgspec.Struct, frozen=True, gc=False):
    """What was seen, written and claimed at an earlier step of the episode."""

    observation: str
    action: str
    claims: tuple[Claim, ...] = ()


class StepContext(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything that a verifier may know about a step.

    Attributes:
        task: the task with its sealed part.
        previous: the earlier steps of the episode, in order.
        observation: what the agent saw.
        action: what it wrote.
        claims: what the environment claims about the step.
        terminated: the step ends the task.
        truncated: the step is the last one allowed.
        outcome: in [0, 1] when the episode ends here, else None.
        origin: how the episode began, for verifiers that bring an environment of their own into the same state; None where it is not known.
    """

    task: Task
    observation: str
    action: str
    claims: tuple[Claim, ...] = ()
    previous: tuple[PastStep, ...] = ()
    terminated: bool = False
    truncated: bool = False
    outcome: float | None = None
    origin: Origin | None = None


class Verifier(ABC):
    """Judges steps in batches.

    Attributes:
        id: key under which its verdicts stand in `info["verdicts"]`.
        version: changes whenever the same input may get another verdict.
        claims: claim types it understands; empty when it judges the step's text.
        pure: the same input always gets the same verdict, so that it may be cached and run again over stored trajectories.
        hits: verdicts so far that it had given before and took from memory; None for one that keeps none.
    """

    id: str
    version: str
    claims: ClassVar[tuple[type[Claim], ...]] = ()
    pure: bool = True
    hits: int | None = None

    @property
    def wants_claims(self) -> bool:
        """Whether it, or a verifier that it is made of, judges claims. One made of others that judge claims and text has no `claims` of its own."""
        return bool(self.claims)

    @abstractmethod
    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step, in order.

        Args:
            steps: any number of steps, of any tasks and environments.
        """

    def close(self) -> None:  # noqa: B027 - most verifiers hold nothing
        """Free what the verifier holds (processes, models). May be called twice."""


class ClaimVerifier(Verifier):
    """A verifier that judges one claim at a time; a step gets the verdict of its worst claim.

    The worst is: malformed or the lowest score, of equal scores one that is false before one that is empty; a claim that cannot be decided makes the step
    undecided unless another claim of the step is refuted. A step without a claim of the declared types is abstained on.
    """

    @abstractmethod
    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one claim of one of the declared types.

        Args:
            claim: a claim whose type is in `self.claims`.
            step: the step it was made about.
        """

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step: that of its worst claim."""
        return [self._verify_one(step) for step in steps]

    def _verify_one(self, step: StepContext) -> Verdict:
        worst: Verdict | None = None
        for claim in step.claims:
            if isinstance(claim, Malformed):
                return judged("malformed", 0.0, claim.reason)
            if isinstance(claim, self.claims):
                verdict = self.check(claim, step)
                if worst is None or badness(verdict) > badness(worst):
                    worst = verdict
        return worst if worst is not None else abstained("the step makes no claim of a kind that this verifier understands")


def badness(verdict: Verdict) -> tuple[float, bool]:
    """Order of verdicts: right < undecided < wrong, where 0.5 is where a verdict would be undecided; what is false is worse than what is empty."""
    if verdict.score is None:
        return (0.5, False)
    refuted = verdict.label not in ("trivial", "neutral")
    return (1.0 - verdict.score if verdict.score < 0.5 else 0.5 * (1.0 - verdict.score), refuted)


VerifierFactory: TypeAlias = Callable[..., Verifier]
VerifierSpec: TypeAlias = str | Verifier | VerifierFactory

VERIFIERS: Registry[VerifierFactory] = Registry("prm_gym.verifiers", "verifier")


def make_verifier(spec: VerifierSpec) -> Verifier:
    """The verifier that a specification names.

    Args:
        spec: a name ("z3"), a name with an argument ("prm:PATH", handed to the factory), with options ("judge:MODEL?votes=4&protocol=capo", "z3?timeout=2";
            numbers, true, false and null are read as such), a composition ("all(arithmetic, reachable)", see `prm_gym.compose`), a `Verifier`, or a class
            or function that makes one.

    Raises:
        UnknownNameError: no verifier has that name; says the near miss.
        OptionError: the specification cannot be read.
        ContractError: what came out is no verifier.
    """
    if isinstance(spec, Verifier):
        return _checked(spec)
    if not isinstance(spec, str):
        if not callable(spec):
            raise OptionError(f"a verifier is a name, a Verifier or something that makes one, got {spec!r}")
        return _checked(spec())
    text = spec.strip()
    if text.endswith(")") and "(" in text:
        from prm_gym.compose import make_composition

        return _checked(make_composition(text))
    plain, options = split_options(text)
    name, separator, argument = plain.partition(":")
    return _checked(make("verifier", text, VERIFIERS.load(name), *([argument] if separator else []), **options))


def make_verifiers(specs: Sequence[VerifierSpec]) -> tuple[Verifier, ...]:
    """The verifiers of a list of specifications, with distinct ids.

    Raises:
        OptionError: two of them have one id, or a single string came instead of a list.
    """
    if isinstance(specs, str):
        raise OptionError(f"verifiers is a list of specifications, got the single string {specs!r}; write [{specs!r}]")
    if not isinstance(specs, Sequence):
        raise OptionError(f"verifiers is a list of specifications, got {specs!r}")
    made = tuple(make_verifier(spec) for spec in specs)
    ids = [verifier.id for verifier in made]
    for verifier_id in ids:
        if ids.count(verifier_id) > 1:
            raise OptionError(f"two verifiers have the id {verifier_id!r}; their verdicts could not be told apart. Give one of them another id.")
    return made


_NAMED = re.compile(r"(?:^|[(,])\s*([\w-]+)")
"""The names in a specification, those of a composition's members among them."""


def declared_versions(specs: Iterable[VerifierSpec]) -> dict[str, str]:
    """The versions that registered verifiers declare, by name; no verifier is made.

    Args:
        specs: specifications, as `make_verifier` takes them. What is no text, is not there, cannot be imported here, or declares no version is left out.
    """
    found: dict[str, str] = {}
    for name in {name for spec in specs if isinstance(spec, str) for name in _NAMED.findall(spec)}.intersection(VERIFIERS.names()):
        try:
            version = getattr(VERIFIERS.load(name), "version", None)
        except PrmGymError:  # what cannot be imported has no version here; whoever makes it is told why
            continue
        if isinstance(version, str):
            found[name] = version
    return dict(sorted(found.items()))


def _checked(verifier: Any) -> Verifier:
    if not isinstance(verifier, Verifier):
        raise ContractError(f"a verifier must be a subclass of prm_gym.Verifier, got {type(verifier).__name__}")
    for attribute in ("id", "version"):
        if not isinstance(getattr(verifier, attribute, None), str):
            raise ContractError(f"{type(verifier).__name__} declares no {attribute} (a string)")
    return verifier


def verify_batch(verifiers: Sequence[Verifier], steps: Sequence[StepContext]) -> list[dict[str, Verdict]]:
    """The verdicts of each verifier on each step; every verifier is called once on the whole batch.

    A verifier that raises, or returns something else than one verdict a step, is named in verdicts with `status="error"`, and the run
    goes on. A pure verifier that raised on a batch is asked again step by step, so that one bad step does not spoil its neighbours.

    Returns:
        [len(steps)] dictionaries from verifier id to verdict.
    """
    columns = [(verifier.id, _run(verifier, steps)) for verifier in verifiers]
    return [{verifier_id: column[row] for verifier_id, column in columns} for row in range(len(steps))]


def unjudged(reason: str, verifiers: Iterable[Verifier]) -> dict[str, Verdict]:
    """What is stored for verifiers that would have judged a step that did not take place.

    Args:
        reason: why it did not, for a person.
        verifiers: that were not asked.
    """
    return {verifier.id: msgspec.structs.replace(failed(reason), verifier=verifier.id, version=verifier.version) for verifier in verifiers}


def verify_claims(verifier: VerifierSpec, claims: Sequence[Claim]) -> list[Verdict]:
    """One verdict per claim, in order, without an environment; the whole batch at once.

    >>> from prm_gym.claims import Equality
    >>> [verdict.score for verdict in verify_claims("arithmetic", [Equality("2 + 2", "4"), Equality("2 + 2", "5")])]
    [1.0, 0.0]

    A reward for programs, in [0, 1], and None where the verifier cannot tell: leave these out, they are no failures.

        judge = make_verifier("execution")  # made once: it keeps its sandbox warm
        claims = [Program(code, function="f", cases=(Case((2,), 4), Case((3,), 9))) for code in completions]
        rewards = [verdict.score for verdict in verify_claims(judge, claims)]

    Args:
        verifier: a specification or an object. What is made of a specification is closed again.
        claims: of the types that the verifier declares; it abstains on others. Values in them are encoded (`prm_gym.sandbox.values.encode`).

    Raises:
        UnknownNameError: no verifier has that name.
        OptionError: the specification cannot be read.
        ContractError: what it makes is no verifier.
    """
    made = make_verifier(verifier)
    nowhere = Task(key="", instructions="", question="")
    try:
        return [found[made.id] for found in verify_batch([made], [StepContext(task=nowhere, observation="", action="", claims=(claim,)) for claim in claims])]
    finally:
        if made is not verifier:
            made.close()


def _run(verifier: Verifier, steps: Sequence[StepContext]) -> list[Verdict]:
    if not steps:
        return []
    started = time.perf_counter()
    try:
        verdicts: list[Any] = list(verifier.verify(steps))
    except (Exception, SystemExit) as error:  # a plug-in may raise anything; it must not end the run
        if verifier.pure and len(steps) > 1:
            return [_run(verifier, [step])[0] for step in steps]
        verdicts = [failed(f"verifier {verifier.id!r} raised {type(error).__name__}: {error}") for _ in steps]
    if len(verdicts) != len(steps):
        verdicts = [failed(f"verifier {verifier.id!r} returned {len(verdicts)} verdicts for {len(steps)} steps") for _ in steps]
    share = (time.perf_counter() - started) / len(steps)
    return [_signed(verifier, verdict, share) for verdict in verdicts]


def _signed(verifier: Verifier, verdict: Any, seconds: float) -> Verdict:
    if not isinstance(verdict, Verdict):
        verdict = failed(f"verifier {verifier.id!r} returned {type(verdict).__name__} instead of a Verdict")
    elif verdict.evidence:
        try:
            msgspec.json.encode(verdict.evidence)
        except (TypeError, ValueError) as error:
            verdict = failed(f"verifier {verifier.id!r} gave evidence that cannot be stored as JSON: {error}")
    return msgspec.structs.replace(verdict, verifier=verifier.id, version=verifier.version, run_seconds=verdict.run_seconds or seconds)
