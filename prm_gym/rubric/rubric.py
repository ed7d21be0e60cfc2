"""Rubric: named, weighted criteria and gates, and what they come to."""

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.rubric.checks import DeclaredCheck, Entities, Finding, Waypoints
from prm_gym.rubric.scene import Scene
from prm_gym.verifier import StepContext

When: TypeAlias = Literal["every", "end"]
Function: TypeAlias = Callable[[StepContext], "Finding | float | bool | None"]


class _Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A criterion as a file writes it."""

    name: str
    check: DeclaredCheck
    description: str = ""
    weight: float | None = None
    gate: bool = False
    when: When = "every"


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rubric as a file writes it."""

    criteria: tuple[_Declared, ...]
    name: str = ""
    threshold: float = 0.5
    least_coverage: float = 0.5
    quotes_count: bool = False


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a step is judged by.

    Attributes:
        name: what it is called in verdicts.
        check: a declared check, or a function of the step that gives a share in [0, 1], True or False, None where it cannot tell, or a `Finding`.
        description: in words, for a person.
        weight: in the mean, >= 0; 1 unless given, and 0 of a gate.
        gate: whatever else a step does, it is wrong where this scores below one half.
        when: asked of every step, or of the last of an episode alone.
    """

    name: str
    check: DeclaredCheck | Function
    description: str = ""
    weight: float | None = None
    gate: bool = False
    when: When = "every"

    def __post_init__(self) -> None:
        if not self.name:
            raise OptionError("a criterion needs a name")
        if self.when not in ("every", "end"):
            raise OptionError(f"{self.name}: when is 'every' or 'end', got {self.when!r}")
        if not isinstance(self.check, DeclaredCheck) and not callable(self.check):
            raise OptionError(f"{self.name}: a check is one of prm_gym.rubric.checks or a function of the step, got {self.check!r}")
        if not 0.0 <= self.share < float("inf"):
            raise OptionError(f"{self.name}: a weight is a number from 0 on, got {self.weight!r}")

    @property
    def share(self) -> float:
        """Its weight in the mean."""
        return self.weight if self.weight is not None else 0.0 if self.gate else 1.0

    @property
    def measures_progress(self) -> bool:
        """Whether it says how far the episode has come."""
        return isinstance(self.check, Waypoints) or (isinstance(self.check, Entities) and self.check.over == "episode")

    def find(self, scene: Scene) -> Finding:
        """What it finds; nothing that can be told where its function breaks."""
        if isinstance(self.check, DeclaredCheck):
            return self.check.find(scene)
        try:
            found = self.check(scene.step)
        except Exception as error:  # a function of the user's may raise anything; that says nothing of the step
            return Finding(None, f"the criterion broke: {type(error).__name__}: {error}")
        if isinstance(found, Finding):
            finding = found
        elif found is None:
            finding = Finding(None, "it cannot tell")
        elif isinstance(found, bool | int | float):
            finding = Finding(float(found), "")
        else:
            return Finding(None, f"the criterion gave a {type(found).__name__} instead of a share")
        if finding.score is not None and not 0.0 <= finding.score <= 1.0:
            return Finding(None, f"the criterion gave {finding.score!r}, which is no share in [0, 1]")
        return finding


class Assessment(msgspec.Struct, frozen=True):
    """What a rubric comes to.

    Attributes:
        score: in [0, 1], or None where too little can be told.
        reason: one sentence for a person.
        failed: the gate that failed, if one did.
        findings: what each criterion that was asked found.
        coverage: weight of the criteria that could tell, of those that were asked, in [0, 1].
        progress: how far the episode has come, in [0, 1]: the weighted mean of the criteria that measure it (waypoints, entities of the episode), if any.
    """

    score: float | None
    reason: str
    failed: str = ""
    findings: dict[str, Finding] = {}
    coverage: float = 1.0
    progress: float | None = None


class Rubric:
    """Criteria and what they come to.

        score = sum_c w_c s_c / sum_c w_c    over the criteria that can tell;    0 if a gate fails

    A criterion that cannot tell takes its weight out. Where what is left is less than `least_coverage` of the weight that was asked, or a gate
    cannot tell (and none fails), the whole cannot be told. A rubric of gates alone scores 1 when all of them hold.

    Attributes:
        criteria: in order.
        version: changes with whatever is declared.
    """

    def __init__(
        self,
        criteria: Sequence[Criterion],
        *,
        name: str = "rubric",
        threshold: float = 0.5,
        least_coverage: float = 0.5,
        quotes_count: bool = False,
        pure: bool = True,
    ) -> None:
        """Put criteria together.

        Args:
            criteria: with distinct names, at least one.
            name: of the rubric.
            threshold: a step is called correct from this score on, in (0, 1].
            least_coverage: share of the weight that must be able to tell, in [0, 1].
            quotes_count: take quotations of the task and of the rubric for the agent's own words.
            pure: the functions among the checks give the same for the same step, always.

        Raises:
            OptionError: no criteria, two of one name, or a number out of range.
        """
        names = [criterion.name for criterion in criteria]
        for each in names:
            if names.count(each) > 1:
                raise OptionError(f"two criteria of the rubric are named {each!r}")
        if not criteria:
            raise OptionError("a rubric needs criteria")
        if not all(criterion.gate or criterion.share > 0 for criterion in criteria):
            raise OptionError("a criterion of weight 0 that is no gate decides nothing: take it out")
        if not (0.0 < threshold <= 1.0 and 0.0 <= least_coverage <= 1.0):
            raise OptionError(f"threshold lies in (0, 1] and least_coverage in [0, 1], got {threshold!r} and {least_coverage!r}")
        self.criteria, self.name = tuple(criteria), name
        self.threshold, self.least_coverage, self.quotes_count, self.pure = threshold, least_coverage, quotes_count, pure
        self._texts = tuple(text for criterion in criteria for text in (criterion.name, criterion.description) if text)
        self.version = self._version()

    def _version(self) -> str:
        told = [
            (each.name, each.check if isinstance(each.check, DeclaredCheck) else getattr(each.check, "__qualname__", ""), each.share, each.gate, each.when)
            for each in self.criteria
        ]
        data = msgspec.json.encode([told, self.threshold, self.least_coverage, self.quotes_count, self._texts], order="deterministic")
        return hashlib.blake2b(data, digest_size=4).hexdigest()

    def assess(self, step: StepContext) -> Assessment:
        """What the criteria come to for a step.

        Args:
            step: a step that the environment could read.
        """
        scene = Scene(step, self._texts, self.quotes_count)
        asked = [criterion for criterion in self.criteria if criterion.when == "every" or scene.ends]
        findings = {criterion.name: criterion.find(scene) for criterion in asked}
        if not asked:
            return Assessment(None, "no criterion is asked of a step that does not end the episode", coverage=0.0)
        scores = [(criterion, findings[criterion.name].score) for criterion in asked]
        shares = [(criterion.share, score) for criterion, score in scores if criterion.share > 0]
        whole, told = sum(share for share, _ in shares), sum(share for share, score in shares if score is not None)
        coverage = told / whole if whole else 1.0
        failed = next((criterion.name for criterion, score in scores if criterion.gate and score is not None and score < 0.5), "")
        if failed:
            return Assessment(0.0, f"the gate {failed!r} fails: {findings[failed].reason}", failed, findings, coverage)
        blind = next((criterion.name for criterion, score in scores if criterion.gate and score is None), "")
        if blind:
            return Assessment(None, f"the gate {blind!r} cannot tell: {findings[blind].reason}", "", findings, coverage)
        if whole and (told == 0.0 or coverage < self.least_coverage):
            return Assessment(None, f"criteria of {coverage:.0%} of the weight can tell, {self.least_coverage:.0%} are needed", "", findings, coverage)
        score = sum(share * score for share, score in shares if score is not None) / told if whole else 1.0
        weakest = min((criterion for criterion, score in scores if score is not None), key=lambda criterion: findings[criterion.name].score or 0.0)
        low = findings[weakest.name]
        said = "every criterion is fulfilled" if low.score == 1.0 else f"weakest: {weakest.name} ({low.score:.2f}), {low.reason}".rstrip(", ")
        return Assessment(min(1.0, score), said, "", findings, coverage, _progress(scores))


def _progress(scores: Sequence[tuple[Criterion, float | None]]) -> float | None:
    measured = [(criterion.share, score) for criterion, score in scores if criterion.measures_progress and criterion.share > 0 and score is not None]
    whole = sum(share for share, _ in measured)
    return min(1.0, sum(share * score for share, score in measured) / whole) if whole else None


def read_rubric(path: str | Path) -> Rubric:
    r"""The rubric of a file, TOML or JSON; nothing in it is run.

        name = "refunds"
        least_coverage = 0.6

        [[criteria]]
        name = "no card numbers"
        gate = true
        check = {kind = "regex", pattern = '\d{4} ?\d{4} ?\d{4} ?\d{4}', absent = true}

        [[criteria]]
        name = "the order is looked up before it is changed"
        weight = 2
        check = {kind = "waypoints", points = [{kind = "tool", names = ["get_order"]}, {kind = "tool", names = ["refund"]}]}

    Args:
        path: ends in .toml or .json.

    Raises:
        OptionError: there is no such file, or it is no rubric; says where.
    """
    place = Path(path)
    try:
        text = place.read_bytes()
        data: Any = tomllib.loads(text.decode()) if place.suffix.lower() == ".toml" else msgspec.json.decode(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise OptionError(f"{place} is no rubric: {error}") from error
    return rubric_of(data, str(place))


def rubric_of(data: Mapping[str, Any], where: str = "the rubric") -> Rubric:
    """The rubric that JSON values declare, as a file does.

    Args:
        data: with `criteria`, and what else `Rubric` takes.
        where: it was found, for errors.

    Raises:
        OptionError: it is no rubric; says where.
    """
    try:
        read = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        listed = data.get("criteria", ()) if isinstance(data, Mapping) else ()
        asked = isinstance(listed, Sequence) and any(isinstance(each, Mapping) and "ask" in each for each in cast("Sequence[Any]", listed))
        other = ". It is one of sentences, which a chat model is asked: judge:MODEL?protocol=rubric_guided&rubric=FILE; checks need `check = {kind = ...}`"
        raise OptionError(f"{where} is no rubric of checks: {error}{other if asked else ''}") from error
    criteria = [Criterion(name=c.name, check=c.check, description=c.description, weight=c.weight, gate=c.gate, when=c.when) for c in read.criteria]
    name = read.name or Path(where).stem
    return Rubric(criteria, name=name, threshold=read.threshold, least_coverage=read.least_coverage, quotes_count=read.quotes_count)
