r"""Reading what a judge answers: strictly, and only what it says in the end.

An answer counts when its last verdict is well formed and speaks of every step that was asked about. Everything else is no verdict, with the reason: nothing is
guessed, searched for elsewhere in the answer, or filled in. Thoughts are removed first. The material that was judged cannot hold a `\boxed` (see
`prm_gym.judging.framing`), and JSON verdicts carry the key of their frames, so that a quotation of a forged one is not taken for one.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, cast

import msgspec

from prm_gym.chat import ChatFailure, ChatResult

T = TypeVar("T")
U = TypeVar("U")

_LONGEST = 400_000  # characters of an answer that are read, from its end
_THOUGHT = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think"
# Tags of most thinking models; Mistral's; LLaMA-o1's; Cohere's; Kimi's; and the channels of gpt-oss, of which only "final" is an answer.
_OPENING = re.compile(
    rf"<({_THOUGHT})>|\[THINK\]|<\|(?:begin_of_thought|START_THINKING)\|>|\u25c1think\u25b7|<\|channel\|>\s*(?:analysis|commentary)", re.IGNORECASE
)
_CLOSING = re.compile(
    rf"</(?:{_THOUGHT})>|\[/THINK\]|<\|(?:end_of_thought|END_THINKING)\|>|\u25c1/think\u25b7|<\|channel\|>\s*final\s*<\|message\|>", re.IGNORECASE
)
_BRACE = re.compile(r"\\boxed\s*\{|\\\\(?!boxed)|\\[{}]|[{}]")  # what opens a box, what is escaped, and every other brace
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|texttt|mbox)\s*\{([^{}]*)\}")
_INDEX = re.compile(r"(?:(?:paragraph|step)[ _]*)?([+-]?\d{1,6})", re.IGNORECASE | re.ASCII)
_HEADING = re.compile(r"^[ \t>#*_\-]*(?:step|paragraph)[ _]*(\d{1,6})\b", re.IGNORECASE | re.MULTILINE | re.ASCII)
_LONGEST_BOX = 2000
_ESCAPE = re.compile(r"\\([\"\\/bfnrt]|u[0-9a-fA-F]{4})|\\")
_PLACES, _BRACES = 20, 60  # of a key that are looked at, from the end of the answer; and braces before each, at which its object may begin


class Reading(msgspec.Struct, Generic[T], frozen=True):
    """What was read: a value, or None and why there is none.

    Attributes:
        value: what was read.
        reason: why nothing was.
        status: `timeout` or `error` where the endpoint failed, so that asking again may help.
    """

    value: T | None
    reason: str = ""
    status: Literal["abstain", "timeout", "error"] = "abstain"

    def then(self, read: "Callable[[T], Reading[U]]") -> "Reading[U]":
        """What is read of the value; where there is none, why not."""
        return Reading(None, self.reason, self.status) if self.value is None else read(self.value)


class Box(msgspec.Struct, frozen=True):
    """A box of an answer: what stands in it, and where it begins and ends."""

    content: str
    start: int
    end: int


def unread(reason: str) -> Reading[Any]:
    """Nothing could be read."""
    return Reading(None, reason)


def answer_of(result: ChatResult) -> Reading[str]:
    """The answer without thoughts; none of a failure, of an answer that was cut off, and of one that ends in a thought.

    Args:
        result: of a question.
    """
    if isinstance(result, ChatFailure):
        return Reading(None, f"the judge gave no answer: {result.reason}", "timeout" if result.kind == "deadline" else "error")
    if not result.finished:
        return unread("the judge's answer was cut off at the limit of tokens")
    answer = without_thoughts(result.text)
    if answer is None:
        return unread("the judge's answer ends in the middle of its thoughts")
    if not answer.strip():
        return unread("the judge's answer is empty")
    return Reading(storable(answer))


def storable(text: str) -> str:
    """The text, with question marks for half characters, which cannot be written to a file or sent again."""
    return text.encode("utf-8", "replace").decode()


def thoughts_of(result: ChatResult) -> str:
    """What the model thought, where the server tells or its tags do."""
    if isinstance(result, ChatFailure):
        return ""
    if result.thoughts:
        return result.thoughts[-_LONGEST:]
    closings = list(_CLOSING.finditer(result.text))
    return _OPENING.sub("", result.text[: closings[-1].start()])[-_LONGEST:] if closings else ""


def without_thoughts(text: str) -> str | None:
    r"""What comes after the last thought; None where a thought is not ended.

    Templates that open the thoughts themselves leave only the closing tag in the answer, so everything before the last one is thought.

    >>> without_thoughts("<think>\\boxed{-1}?</think>It is \\boxed{2}.")
    'It is \\boxed{2}.'
    """
    closings = list(_CLOSING.finditer(text))
    rest = text[closings[-1].end() :] if closings else text
    return None if _OPENING.search(rest) else rest[-_LONGEST:]


def boxes(text: str) -> list[Box]:
    r"""The boxes of a text that are closed and not empty, in order, without the commands that only change their look.

    >>> [box.content for box in boxes(r"\boxed{} \boxed{\text{correct}} \boxed{\frac{1}{2}} \boxed{1")]
    ['correct', '\\frac{1}{2}']
    """
    text = text[-_LONGEST:]
    found: list[Box] = []
    begun: list[tuple[int, int] | None] = []  # of every brace that is open: where its box begins, and its content; None for one that opens no box
    for token in _BRACE.finditer(text):
        if token[0].startswith("\\boxed"):
            begun.append((token.start(), token.end()))
        elif token[0] == "{":
            begun.append(None)
        elif token[0] == "}" and begun and (box := begun.pop()) is not None and token.start() - box[1] < _LONGEST_BOX:
            content = _bare(text[box[1] : token.start()])
            if content:
                found.append(Box(content, box[0], token.end()))
    return sorted(found, key=lambda box: box.start)


def _bare(content: str) -> str:
    """The content without the commands and signs that only change its look."""
    return _WRAPPED.sub(r"\1", content).replace("\\_", "_").strip(" \t\n$*.`\"'")


def boxed_index(answer: str, least: int, most: int) -> Reading[int]:
    r"""The number in the last box of an answer.

    >>> boxed_index(r"Perhaps \boxed{0}? No: \boxed{paragraph\_2}.", -1, 4).value
    2
    >>> boxed_index(r"\boxed{2}, and the result should be \boxed{42}.", -1, 4).reason
    "the last box of the judge's answer, '42', is no index from -1 to 4"

    Args:
        answer: without thoughts.
        least: smallest index.
        most: largest index.
    """
    found = boxes(answer)
    if not found:
        return unread("the judge's answer holds no box")
    number = _INDEX.fullmatch(found[-1].content)
    if number is None or not least <= int(number[1]) <= most:
        return unread(f"the last box of the judge's answer, {found[-1].content[:40]!r}, is no index from {least} to {most}")
    return Reading(int(number[1]))


def boxed_indices(answer: str, least: int, most: int, none: str = "none") -> Reading[tuple[int, ...]]:
    r"""The numbers in the last box of an answer, ascending; no number where it says that there is none.

    >>> [boxed_indices(text, 1, 4).value for text in (r"\boxed{3, 1}", r"\boxed{none}", r"\boxed{5}", "none")]
    [(1, 3), (), None, None]

    Args:
        answer: without thoughts.
        least: smallest index.
        most: largest index.
        none: the word for no index at all.
    """
    found = boxes(answer)
    if not found:
        return unread("the judge's answer holds no box")
    content = found[-1].content
    if content.lower() == none:
        return Reading(())
    parts = [_INDEX.fullmatch(part.strip(" []()")) for part in re.split(r"[,;]|\band\b", content.strip("[](){}\\ ")) if part.strip()]
    numbers = sorted({int(part[1]) for part in parts if part is not None})
    if not parts or None in parts or not (least <= numbers[0] and numbers[-1] <= most):
        return unread(f"the last box of the judge's answer, {content[:40]!r}, is no list of indices from {least} to {most}")
    return Reading(tuple(numbers))


def boxed_word(answer: str, words: Mapping[str, T]) -> Reading[T]:
    r"""What the word in the last box of an answer stands for.

    >>> boxed_word(r"\boxed{Yes}? On the whole: \boxed{No}", {"yes": 1.0, "no": 0.0}).value
    0.0

    Args:
        answer: without thoughts.
        words: what each word stands for, in small letters.
    """
    found = boxes(answer)
    if not found:
        return unread("the judge's answer holds no box")
    word = found[-1].content.lower()
    if word not in words:
        return unread(f"the last box of the judge's answer, {word[:40]!r}, is none of {', '.join(words)}")
    return Reading(words[word])


def words_by_step(answer: str, count: int, words: Mapping[str, T], first: int = 1, stops_at: Sequence[T] = ()) -> Reading[tuple[T | None, ...]]:
    r"""What is said of each step in an answer that goes through them under headings ("Step 2: ... \boxed{correct}"): the last boxed word under each.

    A heading counts only when it is that of a step which has its word already, or of the one after; so a quotation that looks like a later heading moves
    nothing. Every step needs its word, up to the first one whose word ends the examination. An answer without headings needs one box a step, in order.

    >>> read = {"correct": True, "incorrect": False}
    >>> words_by_step("Step 1: \\boxed{correct}\nStep 2: no, \\boxed{incorrect}", 3, read, stops_at=[False]).value
    (True, False, None)
    >>> words_by_step("Step 1: \\boxed{correct}\nStep 2: no, \\boxed{incorrect}", 3, read).reason
    "the judge's answer has no verdict on step 3"

    Args:
        answer: without thoughts.
        count: number of steps T.
        words: what each word stands for, in small letters.
        first: index of the first step as it was shown.
        stops_at: after a step of which this is said, nothing has to be said of later ones (and what is said of them does not count).

    Returns:
        [T] what is said of each step; None after the one at which the examination stopped.
    """
    said: dict[int, T] = {}
    verdicts = [box for box in boxes(answer) if box.content.lower() in words]
    headings = [(heading.start(), int(heading[1]) - first) for heading in _HEADING.finditer(answer[-_LONGEST:])]
    if any(index == 0 for _, index in headings):
        at, rest = -1, iter([*verdicts, Box("", _LONGEST, _LONGEST)])
        box = next(rest)
        for start, index in [*headings, (_LONGEST, count)]:
            while box.start < start:
                if at >= 0:
                    said[at] = words[box.content.lower()]
                box = next(rest)
            if index < count and (index in said or (index == at + 1 and (at < 0 or at in said))):
                at = index
    elif len(verdicts) <= count:
        said = {at: words[box.content.lower()] for at, box in enumerate(verdicts)}
    else:
        return unread(f"the judge's answer holds {len(verdicts)} verdicts on {count} steps")
    read: list[T | None] = []
    for at in range(count):
        if at not in said:
            return unread(f"the judge's answer has no verdict on step {at + first}")
        read.append(said[at])
        if said[at] in stops_at:
            break
    return Reading((*read, *[None] * (count - len(read))))


class Passage(msgspec.Struct, frozen=True):
    """A text that the judge set between tags, and where the closing one ends."""

    text: str
    end: int


def passage(answer: str, tag: str, key: str) -> Reading[Passage]:
    r"""What stands between the last tags of a name that carry the key.

    >>> passage("<new:ab>\nx = 2\n</new:ab> as in <new>x = 3</new>", "new", "ab").value.text
    'x = 2'

    Args:
        answer: without thoughts.
        tag: its name.
        key: of the frames.
    """
    opening, closing = f"<{tag}:{key}>", f"</{tag}:{key}>"
    end = answer.rfind(closing)
    start = answer.rfind(opening, 0, max(end, 0))
    if start < 0:
        return unread(f"the judge's answer holds no text between {opening} and {closing}")
    return Reading(Passage(answer[start + len(opening) : end].strip(), end + len(closing)))


def json_verdict(answer: str, key: str, fields: Sequence[str]) -> Reading[dict[str, Any]]:
    """The last JSON object of an answer that carries the key of the frames and all fields.

    >>> json_verdict('{"key": "ab", "score": 1} quoted: {"score": 0}', "ab", ["score"]).value
    {'key': 'ab', 'score': 1}

    Args:
        answer: without thoughts.
        key: of the frames; the object has it under "key". Empty where the question did not ask for it.
        fields: names that the object has to have.
    """
    for found in _keyed(answer, key) if key else reversed(objects(answer)):
        missing = [name for name in fields if name not in found]
        return unread(f"the judge's last verdict lacks {', '.join(missing)}") if missing else Reading(found)
    return unread("the judge's answer holds no JSON object" + (f" with the key {key}" if key else ""))


def objects(text: str) -> list[dict[str, Any]]:
    """The outermost JSON objects in a text, in order; with a name given twice, or beyond the bounds, an object is none."""
    text = text[-_LONGEST:]
    found: list[dict[str, Any]] = []
    at, tries = text.find("{"), 0
    while at >= 0 and tries < 200:
        tries += 1
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found.append(cast("dict[str, Any]", value))
        at = text.find("{", end)
    return found


def _keyed(text: str, key: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that carry a key, the last one first. They are looked for where the key stands: whatever is quoted around them hides none.

    Of one that stands in another which carries the key too (an example, an alternative), the outer one counts.
    """
    text = _ESCAPE.sub(lambda found: found[0] if found[1] else "\\\\", text[-_LONGEST:])  # formulas in JSON: "\\cdot" is no escape
    for place in [found.start() for found in re.finditer(re.escape(key), text)][: -_PLACES - 1 : -1]:
        at, outermost = text.rfind("{", 0, place), None
        for _ in range(_BRACES):
            if at < 0:
                break
            with contextlib.suppress(ValueError, RecursionError):
                value, end = _DECODER.raw_decode(text, at)
                if end > place and value.get("key") == key:
                    outermost = value
            at = text.rfind("{", 0, at)
        if outermost is not None:
            yield outermost


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused, strict=False)  # texts may hold line breaks
