"""Declarative checks: what a criterion of a rubric file can look for. Each gives a score in [0, 1], or None where it cannot tell.

`over` is what is looked at: the step, or the episode up to and with it (without what the environment could not read).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

import msgspec

from prm_gym.claims import Json
from prm_gym.errors import OptionError
from prm_gym.rubric.pattern import Pattern
from prm_gym.rubric.scene import MISSING, Over, Scene, at
from prm_gym.rubric.text import GAP, Mentions, visible, words

FEW_TERMS = 3  # so many terms may make up a short text without being a list of keywords


class Finding(msgspec.Struct, frozen=True):
    """What a criterion finds.

    Attributes:
        score: in [0, 1], or None where it cannot be told.
        reason: one sentence for a person.
        evidence: JSON values.
    """

    score: float | None
    reason: str
    evidence: dict[str, Any] = {}


class _Check(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """What all checks are."""

    def find(self, scene: Scene) -> Finding:
        """Look at a step."""
        raise NotImplementedError


class Regex(_Check, frozen=True, kw_only=True, tag="regex"):
    """Whether a regular expression matches somewhere in what was written (see `prm_gym.rubric.pattern`: linear in time, no look-around).

    Attributes:
        pattern: the expression.
        flags: letters of i, m, s, x, a.
        whole: it must match the whole of an action.
        absent: it must match nowhere, hidden parts and invisible characters or not.
        over: what is looked at.
    """

    pattern: str
    flags: str = ""
    whole: bool = False
    absent: bool = False
    over: Over = "step"

    def __post_init__(self) -> None:
        _compiled(self.pattern, self.flags)

    def find(self, scene: Scene) -> Finding:
        """Match."""
        texts = scene.anywhere(self.over) if self.absent else scene.actions(self.over)
        ends = ((text, _match_end(self.pattern, self.flags, self.whole, text)) for text in texts)
        found, end = next(((text, end) for text, end in ends if end is not None), (None, 0))
        if found is None:
            return Finding(float(self.absent), "the pattern does not match")
        return Finding(float(not self.absent), "the pattern matches", {"up_to": found[max(0, end - 80) : end]})


class Contains(_Check, frozen=True, kw_only=True, tag="contains"):
    """Whether terms stand in what was written, as whole words, in any case; quotations of the task or the rubric do not count.

    That a term stands there is no proof that it is understood: filler between the words of a list is not seen through. Give such a criterion little weight.

    Attributes:
        terms: of one word or several.
        need: "all" (the score is the share that stands there), "any", or "none" (where quotations and what is hidden do count).
        most_share: a text of which terms make up more than this share, and more than three of them, is a list of keywords: score 0. In (0, 1].
        over: what is looked at.
    """

    terms: tuple[str, ...]
    need: Literal["all", "any", "none"] = "all"
    most_share: float = 0.5
    over: Over = "step"

    def __post_init__(self) -> None:
        _require_terms(self.terms)

    def find(self, scene: Scene) -> Finding:
        """Look for the terms."""
        if self.need == "none":
            seen = tuple(word for text in scene.anywhere(self.over) for word in (*words(text), GAP))
            unwanted = Mentions(seen, self.terms).found
            return Finding(
                float(not unwanted), "none of the terms stands there" if not unwanted else "what must not stand there does", {"found": list(unwanted)}
            )
        mentions = Mentions(scene.own_words(self.over), self.terms)
        if _is_stuffed(mentions, self.most_share):
            return Finding(0.0, "a list of keywords says nothing", {"found": list(mentions.found), "share": mentions.share})
        share = len(mentions.found) / len(set(self.terms))
        score = float(share > 0) if self.need == "any" else share
        return Finding(score, f"{len(mentions.found)} of {len(set(self.terms))} terms stand there", {"found": list(mentions.found)})


class Number(_Check, frozen=True, kw_only=True, tag="number"):
    """Whether the right number stands there.

    Attributes:
        which: the last number, or the only one (however often it stands there): any other makes it wrong.
        equals: the number that it must be.
        equals_at: path in the task of that number ("sealed.answer").
        least: that it must be at least.
        most: that it may be at most.
        tolerance: of `equals`, relative and absolute.
        over: what is looked at.
    """

    which: Literal["last", "only"] = "last"
    equals: float | None = None
    equals_at: str = ""
    least: float | None = None
    most: float | None = None
    tolerance: float = 1e-9
    over: Over = "step"

    def __post_init__(self) -> None:
        if self.equals is None and not self.equals_at and self.least is None and self.most is None:
            raise OptionError("a number is to equal something (equals, equals_at), or to lie within bounds (least, most)")

    def find(self, scene: Scene) -> Finding:
        """Compare the number."""
        wanted = self.equals
        if self.equals_at:
            wanted = _as_number(scene.of_task(self.equals_at))
            if wanted is None:
                return Finding(None, f"the task has no number at {self.equals_at}")
        numbers = scene.numbers(self.over)
        if not numbers:
            return Finding(0.0, "no number stands there")
        if self.which == "only" and len(set(numbers)) > 1:
            return Finding(0.0, f"{len(set(numbers))} different numbers stand there", {"found": [_plain(number) for number in numbers[:8]]})
        number = numbers[-1]
        right = wanted is None or math.isclose(number, wanted, rel_tol=self.tolerance, abs_tol=self.tolerance)
        right = right and (self.least is None or number >= self.least) and (self.most is None or number <= self.most)
        return Finding(float(right), "the number is right" if right else "the number is not what it must be", {"found": _plain(number)})


class Length(_Check, frozen=True, kw_only=True, tag="length"):
    """Whether what was written is neither too short nor too long.

    Attributes:
        of: "words" or "characters", of what a reader sees.
        least: at least so many.
        most: at most so many, of all that was written, hidden or not.
        over: what is looked at.
    """

    of: Literal["words", "characters"] = "words"
    least: int = 0
    most: int | None = None
    over: Over = "step"

    def find(self, scene: Scene) -> Finding:
        """Count."""
        seen, written = (
            sum(len(words(text)) if self.of == "words" else len(text) for text in texts) for texts in (scene.actions(self.over), scene.written(self.over))
        )
        fits = self.least <= seen and (self.most is None or max(seen, written) <= self.most)
        return Finding(float(fits), f"{seen} {self.of}", {"count": seen})


class JsonPath(_Check, frozen=True, kw_only=True, tag="json"):
    """What stands at a path of the action as JSON, or of the arguments of the tool call that it is.

    Attributes:
        path: names and indexes with dots between them, "items.0.name".
        of: "action" or "arguments".
        equals: the value that must stand there; None for any.
        equals_at: path in the task of that value.
        one_of: values of which one must stand there; empty for any.
    """

    path: str
    of: Literal["action", "arguments"] = "action"
    equals: Json = None
    equals_at: str = ""
    one_of: tuple[Json, ...] = ()

    def find(self, scene: Scene) -> Finding:
        """Compare the value."""
        data = scene.data(self.of)
        if data is MISSING:
            return Finding(0.0, "the action is no JSON" if self.of == "action" else "the action calls no tool")
        value = at(data, self.path)
        if value is MISSING:
            return Finding(0.0, f"nothing stands at {self.path}")
        wanted: Any = self.equals
        if self.equals_at:
            wanted = scene.of_task(self.equals_at)
            if wanted is MISSING:
                return Finding(None, f"the task has nothing at {self.equals_at}")
        right = (wanted is None or _same(value, wanted)) and (not self.one_of or any(_same(value, one) for one in self.one_of))
        return Finding(float(right), f"what stands at {self.path} is {'right' if right else 'not what it must be'}", {"found": _short(value)})


class ToolUsed(_Check, frozen=True, kw_only=True, tag="tool"):
    """Whether a tool was called, with certain arguments.

    Attributes:
        names: of the tools of which one must be called.
        arguments: that it must be called with, others beside them; texts are compared without regard to case and blanks around them.
        absent: none of them may be called so.
        over: what is looked at.
    """

    names: tuple[str, ...]
    arguments: dict[str, Json] = {}
    absent: bool = False
    over: Over = "step"

    def find(self, scene: Scene) -> Finding:
        """Look through the calls."""
        fits = [
            call.name
            for call in scene.calls(self.over)
            if call.name in self.names and all(name in call.arguments and _same(call.arguments[name], value) for name, value in self.arguments.items())
        ]
        return Finding(
            float(bool(fits) != self.absent), f"called {fits[0]}" if fits else "no such call", {"called": [call.name for call in scene.calls(self.over)][-8:]}
        )


class Entities(_Check, frozen=True, kw_only=True, tag="entities"):
    """Which named entities are mentioned or touched: the harmonic mean of how many of them are, and of how many of those that are were wanted.

        recall = |wanted and there| / |wanted|,   precision = |wanted and there| / |(wanted or other) and there|,   score = 2 r p / (r + p)

    Each counts once, however often it stands there. Quotations of the task or the rubric do not count, nor a mere list of names.

    Attributes:
        wanted: the names.
        wanted_at: path in the task of a list of names.
        others: names that are not wanted: whoever lists all of them has found none.
        others_at: likewise, in the task.
        by: "mentioned" in words, "touched" as an argument of a tool call, or "either".
        most_share: see `Contains`.
        over: what is looked at.
    """

    wanted: tuple[str, ...] = ()
    wanted_at: str = ""
    others: tuple[str, ...] = ()
    others_at: str = ""
    by: Literal["mentioned", "touched", "either"] = "mentioned"
    most_share: float = 0.5
    over: Over = "episode"

    def __post_init__(self) -> None:
        if not self.wanted and not self.wanted_at:
            raise OptionError("entities are given by `wanted`, or stand in the task at `wanted_at`")

    def find(self, scene: Scene) -> Finding:
        """Look for the names."""
        wanted, others = _names(scene, self.wanted, self.wanted_at), _names(scene, self.others, self.others_at)
        if not wanted or others is None:
            return Finding(None, f"the task has no names at {self.wanted_at if not wanted else self.others_at}")
        there: set[str] = set()
        if self.by != "touched":
            mentions = Mentions(scene.own_words(self.over), (*wanted, *others))
            if not _is_stuffed(mentions, self.most_share):
                there.update(mentions.found)
            elif self.by == "mentioned":
                return Finding(0.0, "a list of names says nothing", {"found": list(mentions.found), "share": mentions.share})
        if self.by != "mentioned":
            touched = tuple(word for leaf in scene.touched(self.over) for word in (*words(visible(leaf)), GAP))
            there.update(Mentions(touched, (*wanted, *others)).found)
        hits = [name for name in wanted if name in there]
        stray = [name for name in others if name in there and name not in wanted]
        score = 2 * len(hits) / (len(wanted) + len(hits) + len(stray))
        missing = [name for name in wanted if name not in there]
        return Finding(score, f"{len(hits)} of {len(wanted)} entities, {len(stray)} others", {"found": hits, "missing": missing, "others": stray})


class Waypoints(_Check, frozen=True, kw_only=True, tag="waypoints"):
    """How far along a way the episode has come: the share of the waypoints that it has reached, each by one step.

    Attributes:
        points: what a step must fulfil to reach each, as checks of single steps.
        ordered: a waypoint counts only after those before it, and a step reaches one at most.
    """

    points: "tuple[DeclaredCheck, ...]"
    ordered: bool = True

    def __post_init__(self) -> None:
        if not self.points or any(isinstance(point, Waypoints) or getattr(point, "over", "step") != "step" for point in self.points):
            raise OptionError("waypoints need points, each a check of a single step (over = 'step')")

    def find(self, scene: Scene) -> Finding:
        """Follow the steps."""
        reached: list[int] = []
        told = True
        for each in scene.steps():
            open_points = [place for place in range(len(self.points)) if place not in reached]
            for place in open_points[:1] if self.ordered else open_points:
                score = self.points[place].find(each).score
                told = told and score is not None
                if score is not None and score >= 0.5:
                    reached.append(place)
        if not told and len(reached) < len(self.points):
            return Finding(None, "a waypoint cannot be told", {"reached": reached})
        return Finding(len(reached) / len(self.points), f"{len(reached)} of {len(self.points)} waypoints", {"reached": reached})


DeclaredCheck: TypeAlias = Regex | Contains | Number | Length | JsonPath | ToolUsed | Entities | Waypoints

_PATTERNS: dict[tuple[str, str], Pattern] = {}


def _compiled(source: str, flags: str) -> Pattern:
    if (source, flags) not in _PATTERNS:
        _PATTERNS[source, flags] = Pattern(source, flags)
    return _PATTERNS[source, flags]


@lru_cache(maxsize=1 << 10)  # every step of an episode looks at those before it again
def _match_end(source: str, flags: str, whole: bool, text: str) -> int | None:
    """Where the match that ends first ends, or the one of the whole text; None if there is none."""
    pattern = _compiled(source, flags)
    return pattern.ends(text) if not whole else len(text) if pattern.matches(text) else None


def _require_terms(terms: Sequence[str]) -> None:
    if not terms or any(not words(visible(term)) for term in terms):
        raise OptionError(f"terms are texts with a word in each, got {list(terms)!r}")


def _is_stuffed(mentions: Mentions, most_share: float) -> bool:
    return len(mentions.found) > FEW_TERMS and mentions.share > most_share


def _names(scene: Scene, given: Sequence[str], path: str) -> tuple[str, ...] | None:
    """The names that are given and those in the task; None where the task has none."""
    if not path:
        return tuple(given)
    found = scene.of_task(path)
    if not isinstance(found, list | tuple) or not all(isinstance(name, str) and name for name in cast("Sequence[Any]", found)):
        return None
    return tuple(dict.fromkeys((*given, *cast("Sequence[str]", found))))


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _same(value: Any, wanted: Any) -> bool:
    """Equal, and of one type; texts without regard to case and blanks around them."""
    if isinstance(value, str) and isinstance(wanted, str):
        return visible(value).strip().casefold() == visible(wanted).strip().casefold()
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted


def _plain(number: float) -> float | str:
    return number if math.isfinite(number) else str(number)


def _short(value: Any) -> str:
    return repr(value)[:200]
