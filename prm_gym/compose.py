"""Verifiers made of verifiers: sequence, all, any, weighted, consensus, cached, isolated, noisy; of the entry point group `prm_gym.compositions`: ray.

Each is itself a verifier, so they nest. In a specification string: `all(arithmetic, reachable)`, `weighted(z3=0.7, prm:PATH=0.3)`,
`sequence(arithmetic, judge:MODEL)`, `cached(prm:PATH)`, `isolated(z3, deadline=2, workers=4)`, `noisy(z3, false_positives=0.2)`, `ray(prm:PATH, actors=4)`.
"Cannot tell" (score None) is handled by each as its docstring says, and never turned into a number.
"""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.task import content_key
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import StepContext, Verifier, badness, make_verifiers, verify_batch


class _Composition(Verifier):
    """Shared by the compositions: members, their common version and purity, and the batched call of all of them."""

    def __init__(self, name: str, members: Sequence[Any]) -> None:
        self.members = make_verifiers(members)
        if not self.members:
            raise OptionError(f"{name} needs at least one verifier")
        self.id = f"{name}({', '.join(member.id for member in self.members)})"
        self.version = "+".join(member.version for member in self.members)
        self.pure = all(member.pure for member in self.members)

    @property
    def wants_claims(self) -> bool:
        """Whether any member judges claims."""
        return any(member.wants_claims for member in self.members)

    def close(self) -> None:
        """Close the members."""
        for member in self.members:
            member.close()

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """Combine the members' verdicts, step by step."""
        return [self.combine(list(verdicts.values())) for verdicts in verify_batch(self.members, steps)]

    def combine(self, verdicts: list[Verdict]) -> Verdict:
        """One verdict from those of the members, in their order."""
        raise NotImplementedError


def _trace(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    return {verdict.verifier: {"score": verdict.score, "label": verdict.label, "status": verdict.status} for verdict in verdicts}


class AllOf(_Composition):
    """Right only if every member says so: the verdict of the lowest score; undecided if none refutes and one cannot tell."""

    def __init__(self, members: Sequence[Any]) -> None:
        """Take the members as specifications or verifiers."""
        super().__init__("all", members)

    def combine(self, verdicts: list[Verdict]) -> Verdict:
        """The lowest score decides; a None decides unless some member scores below one half."""
        scored = [verdict for verdict in verdicts if verdict.score is not None]
        lowest = max(scored, key=badness, default=None)
        if lowest is not None and (_score(lowest) < 0.5 or len(scored) == len(verdicts)):
            return lowest
        return abstained("not every member could tell", members=_trace(verdicts))


class AnyOf(_Composition):
    """Right if one member says so: the verdict of the highest score; undecided if none accepts and one cannot tell."""

    def __init__(self, members: Sequence[Any]) -> None:
        """Take the members as specifications or verifiers."""
        super().__init__("any", members)

    def combine(self, verdicts: list[Verdict]) -> Verdict:
        """The highest score decides; a None decides unless some member scores above one half."""
        scored = [verdict for verdict in verdicts if verdict.score is not None]
        highest = max(scored, key=_score, default=None)
        if highest is not None and (_score(highest) > 0.5 or len(scored) == len(verdicts)):
            return highest
        return abstained("no member accepts and not every member could tell", members=_trace(verdicts))


class Consensus(_Composition):
    """The members' common answer; abstains where those who can tell disagree, or fewer than `quorum` can tell."""

    def __init__(self, members: Sequence[Any], quorum: int = 2) -> None:
        """Take the members, and how many of them must be able to tell."""
        super().__init__("consensus", members)
        self.quorum = quorum

    def combine(self, verdicts: list[Verdict]) -> Verdict:
        """The lowest of the scores where all of them lie on one side of one half."""
        scored = [verdict for verdict in verdicts if verdict.score is not None]
        if len(scored) < self.quorum:
            return abstained(f"{len(scored)} of {len(verdicts)} members could tell, {self.quorum} are needed", members=_trace(verdicts))
        sides = {_score(verdict) >= 0.5 for verdict in scored}
        if len(sides) > 1:
            return abstained("the members disagree", members=_trace(verdicts))
        return max(scored, key=badness)


class Weighted(_Composition):
    """The weighted mean of the scores of the members that can tell; abstains when none can."""

    def __init__(self, members: Sequence[Any], weights: Sequence[float]) -> None:
        """Take the members and a positive weight for each."""
        super().__init__("weighted", members)
        if len(weights) != len(self.members) or not all(0 < weight < math.inf for weight in weights):
            raise OptionError(f"weighted needs one positive weight a member, got {list(weights)} for {len(self.members)}")
        self.weights = tuple(weights)

    def combine(self, verdicts: list[Verdict]) -> Verdict:
        """Mean over those who can tell, their weights scaled to sum to one; a step that is malformed stays so."""
        malformed = next((verdict for verdict in verdicts if verdict.label == "malformed"), None)
        if malformed is not None:
            return malformed
        scored = [(verdict, weight) for verdict, weight in zip(verdicts, self.weights, strict=True) if verdict.score is not None]
        if not scored:
            return abstained("no member could tell", members=_trace(verdicts))
        score = sum(_score(verdict) * weight for verdict, weight in scored) / sum(weight for _, weight in scored)
        label = "correct" if score > 0.5 else "incorrect" if score < 0.5 else "neutral"
        return judged(label, score, f"weighted mean of {len(scored)} of {len(verdicts)} members", members=_trace(verdicts))


class InSequence(_Composition):
    """Cheap first: a later member sees only the steps on which the earlier ones could not tell, or which they accept.

    A refusal (score below one half) ends the sequence for its step; otherwise the last verdict counts that could tell, or whose member broke or ran out of
    time: acceptance by the cheap members does not make up for a failure of the last.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        """Take the members in the order of asking."""
        super().__init__("sequence", members)

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """Ask the members in turn, each once on what is left."""
        results = [abstained("no member could tell") for _ in steps]
        pending = list(range(len(steps)))
        for member in self.members:
            verdicts = verify_batch([member], [steps[row] for row in pending])
            rest: list[int] = []
            for row, by_id in zip(pending, verdicts, strict=True):
                verdict = by_id[member.id]
                if verdict.score is not None or verdict.status in ("error", "timeout"):
                    results[row] = verdict  # that earlier members accepted it does not make up for one that broke
                if verdict.score is None or verdict.score >= 0.5:
                    rest.append(row)
            pending = rest
        return results


class Cached(_Composition):
    """Remembers the verdicts of one pure verifier; equal steps are asked once. Only `ok` and `abstain` are remembered."""

    def __init__(self, members: Sequence[Any], size: int = 100_000) -> None:
        """Take one verifier and how many verdicts to keep (the least recently used goes first)."""
        super().__init__("cached", members)
        if len(self.members) != 1 or not self.pure:
            raise OptionError("cached takes exactly one pure verifier")
        self.id = self.members[0].id
        self.size = size
        self.hits = 0
        self._kept: OrderedDict[bytes, Verdict] = OrderedDict()

    def _key(self, step: StepContext) -> bytes:
        whole = not self.members[0].claims
        return msgspec.msgpack.encode(step if whole else (step.task.key, step.task.sealed, step.claims))

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """Look up what is known, ask once about the rest."""
        began = time.perf_counter()
        keys = [self._key(step) for step in steps]
        wanted = {key: step for key, step in zip(keys, steps, strict=True) if key not in self._kept}
        self.hits = (self.hits or 0) + len(steps) - len(wanted)
        looked_up = (time.perf_counter() - began) / max(1, len(steps))
        fresh = dict(zip(wanted, verify_batch(self.members, list(wanted.values())), strict=True))
        found = {key: fresh[key][self.id] if key in fresh else self._kept[key] for key in keys}
        for key, verdict in found.items():
            if verdict.status in ("ok", "abstain"):
                self._kept[key] = verdict
                self._kept.move_to_end(key)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return [found[key] if wanted.pop(key, None) is not None else _remembered(found[key], looked_up) for key in keys]


def _remembered(verdict: Verdict, seconds: float) -> Verdict:
    """A verdict from memory: it costs the look, not once more the work that was done for it."""
    return msgspec.structs.replace(verdict, run_seconds=seconds, queued_seconds=0.0)


class Noisy(_Composition):
    """Turns a known share of the verdicts of one verifier round, to measure what errors of a verifier do.

    A verdict against the step becomes one for it with probability `false_positives`, one for it becomes one against it with probability `false_negatives`; the
    score s becomes 1 - s. Which, is drawn from the seed and from what the step looks like: task, observation and action. So it errs on the same steps whenever
    it is asked, as real verifiers do, and an agent can find out where. What is no step at all (`malformed`), undecided, or exactly one half stays as it is.
    """

    def __init__(self, members: Sequence[Any], false_positives: float = 0.0, false_negatives: float = 0.0, seed: int = 0) -> None:
        """Take one verifier and how it is to err.

        Args:
            members: one verifier.
            false_positives: share of the wrong steps that are called right, in [0, 1].
            false_negatives: share of the right steps that are called wrong, in [0, 1].
            seed: of the errors.

        Raises:
            OptionError: there is not exactly one verifier, or a share is not in [0, 1].
        """
        super().__init__("noisy", members)
        if len(self.members) != 1:
            raise OptionError("noisy takes exactly one verifier")
        if not (0.0 <= false_positives <= 1.0 and 0.0 <= false_negatives <= 1.0):
            raise OptionError(f"noisy takes shares in [0, 1], got false_positives={false_positives} and false_negatives={false_negatives}")
        self.version = f"{self.version}+fp{false_positives:g}fn{false_negatives:g}s{seed}"
        self.false_positives, self.false_negatives, self.seed = false_positives, false_negatives, seed

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """The member's verdicts, some of them turned round."""
        name = self.members[0].id
        return [self._said(step, verdicts[name]) for step, verdicts in zip(steps, verify_batch(self.members, steps), strict=True)]

    def _said(self, step: StepContext, verdict: Verdict) -> Verdict:
        if verdict.score is None or verdict.score == 0.5 or verdict.label == "malformed":
            return verdict
        rate = self.false_negatives if verdict.score > 0.5 else self.false_positives
        drawn = int(content_key(str(self.seed), step.task.key, step.observation, step.action), 16) / 2**128  # in [0, 1), evenly spread
        if drawn >= rate:
            return verdict
        return judged("incorrect" if verdict.score > 0.5 else "correct", 1.0 - verdict.score, "turned round on purpose", members=_trace([verdict]))


def _score(verdict: Verdict) -> float:
    return 0.0 if verdict.score is None else verdict.score


def _weighted(members: Sequence[str]) -> Verifier:
    """The weighted mean of the scores of the members that can tell: `weighted(z3=0.7, prm:PATH=0.3)`."""
    pairs = [member.rpartition("=") for member in members]
    try:
        weights = [float(weight) for _, _, weight in pairs]
    except ValueError as error:
        raise OptionError(f"weighted takes name=weight pairs, got {', '.join(members)}") from error
    return Weighted([name for name, _, _ in pairs], weights)


def _isolated(members: Sequence[str]) -> Verifier:
    """One pure verifier in killable worker processes with a deadline: `isolated(z3)`, `isolated(z3, deadline=2.5, workers=4, memory_mb=512)`."""
    from prm_gym.workers import Isolated

    verifier, texts = one_verifier("isolated", members)
    options: dict[str, Any] = {}
    for name, value in texts.items():
        try:
            options[name] = float(value) if name == "deadline" else int(value)
        except ValueError as error:
            raise OptionError(f"isolated: {name} is a number, got {value!r}") from error
    return make("composition of verifiers", "isolated", Isolated, verifier, **options)


def _noisy(members: Sequence[str]) -> Verifier:
    """One verifier with a known share of its verdicts turned round: `noisy(z3, false_positives=0.2, false_negatives=0.1, seed=3)`."""
    verifier, texts = one_verifier("noisy", members)
    _, options = split_options("?" + "&".join(f"{name}={value}" for name, value in texts.items()))
    return make("composition of verifiers", "noisy", Noisy, [verifier], **options)


def one_verifier(name: str, members: Sequence[str]) -> tuple[str, dict[str, str]]:
    """What stands between the parentheses of a composition of one verifier with options: the verifier, and the options as they are written.

    Args:
        name: of the composition, for the error.
        members: between the parentheses.

    Raises:
        OptionError: there is not exactly one verifier.
    """
    options = [match for match in map(_OPTION.fullmatch, members) if match is not None]
    verifiers = [member for member in members if not _OPTION.fullmatch(member)]
    if len(verifiers) != 1:
        raise OptionError(f"{name} takes exactly one verifier, got {', '.join(verifiers) or 'none'}")
    return verifiers[0], {match[1]: match[2].strip() for match in options}


_OPTION = re.compile(r"(\w+)\s*=\s*([^()=]*)")

Composition: TypeAlias = Callable[[Sequence[str]], Verifier]

COMPOSITIONS: dict[str, Composition] = {
    "all": AllOf,
    "any": AnyOf,
    "cached": Cached,
    "consensus": Consensus,
    "isolated": _isolated,
    "noisy": _noisy,
    "sequence": InSequence,
    "weighted": _weighted,
}
# What other packages bring, and what stands on more than the core.
FURTHER: Registry[Composition] = Registry("prm_gym.compositions", "composition of verifiers")


def load_composition(name: str) -> Composition:
    """What makes the composition of a name.

    Raises:
        UnknownNameError: no composition has that name; says the near miss.
    """
    if name in COMPOSITIONS:
        return COMPOSITIONS[name]
    if name not in FURTHER.names():
        raise UnknownNameError("composition of verifiers", name, composition_names())
    return FURTHER.load(name)


def composition_names() -> list[str]:
    """The names of all compositions, sorted."""
    return sorted({*COMPOSITIONS, *FURTHER.names()})


def make_composition(text: str) -> Verifier:
    """The verifier that a composition such as `all(arithmetic, cached(prm:PATH))` describes.

    Raises:
        UnknownNameError: no composition has that name.
        OptionError: the parentheses do not match.
    """
    name, _, rest = text.strip().partition("(")
    name = name.strip()
    composition = load_composition(name)
    members: list[str] = []
    depth, start, body = 0, 0, rest[:-1]
    for position, character in enumerate(body):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == "," and depth == 0:
            members.append(body[start:position].strip())
            start = position + 1
    if depth != 0:
        raise OptionError(f"the parentheses of {text!r} do not match")
    members.append(body[start:].strip())
    return composition([member for member in members if member])


__all__ = [
    "COMPOSITIONS",
    "AllOf",
    "AnyOf",
    "Cached",
    "Composition",
    "Consensus",
    "InSequence",
    "Noisy",
    "Weighted",
    "composition_names",
    "load_composition",
    "make_composition",
    "one_verifier",
]
