"""Verdicts in JSON: a grade or a word for each of several names, all of them and no others."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from prm_gym.judging.reading import Reading, json_verdict, storable, unread

T = TypeVar("T")


def named(answer: str, key: str, field: str, names: Sequence[str]) -> Reading[dict[str, Any]]:
    """The values under a field of the last verdict: one for each name and for no other.

    Args:
        answer: without thoughts.
        key: of the frames.
        field: of the verdict.
        names: in any order.
    """
    verdict = json_verdict(answer, key, [field])
    if verdict.value is None:
        return unread(verdict.reason)
    found = verdict.value[field]
    if not isinstance(found, dict):
        return unread(f"{field!r} of the judge's last verdict is no object")
    values = cast("dict[str, Any]", found)
    for name in names:
        if name not in values:
            return unread(f"the judge's last verdict says nothing of {name!r}")
    for name in values:
        if name not in names:
            return unread(f"the judge's last verdict speaks of {name[:40]!r}, which was not asked about")
    return Reading({name: values[name] for name in names})


def graded(answer: str, key: str, field: str, names: Sequence[str], least: int, most: int) -> Reading[dict[str, float]]:
    """A grade for each name, as a share of the way from the least to the most.

    >>> graded('{"key": "k", "grades": {"a": 1, "b": 4}}', "k", "grades", ["a", "b"], 1, 5).value
    {'a': 0.0, 'b': 0.75}
    >>> graded('{"key": "k", "grades": {"a": 7}}', "k", "grades", ["a"], 1, 5).reason
    "the judge's grade of 'a', 7, is no whole number from 1 to 5"

    Args:
        answer: without thoughts.
        key: of the frames.
        field: of the verdict.
        names: what is graded.
        least: smallest grade.
        most: largest grade.
    """
    found = named(answer, key, field, names)
    if found.value is None:
        return unread(found.reason)
    shares: dict[str, float] = {}
    for name, grade in found.value.items():
        if isinstance(grade, bool) or not isinstance(grade, int | float) or not least <= grade <= most or grade != int(grade):
            return unread(f"the judge's grade of {name!r}, {str(grade)[:40]}, is no whole number from {least} to {most}")
        shares[name] = (grade - least) / (most - least)
    return Reading(shares)


def worded(answer: str, key: str, field: str, names: Sequence[str], words: Mapping[str, T]) -> Reading[dict[str, T]]:
    """What the word for each name stands for.

    Args:
        answer: without thoughts.
        key: of the frames.
        field: of the verdict.
        names: what is spoken of.
        words: what each word stands for, in small letters.
    """
    found = named(answer, key, field, names)
    if found.value is None:
        return unread(found.reason)
    said: dict[str, T] = {}
    for name, word in found.value.items():
        known = word.strip().lower() if isinstance(word, str) else ""
        if known not in words:
            return unread(f"what the judge says of {name!r}, {str(word)[:40]!r}, is none of {', '.join(words)}")
        said[name] = words[known]
    return Reading(said)


def texts(answer: str, key: str, field: str, most: int, longest: int = 400) -> Reading[list[str]]:
    """A list of at least one distinct text under a field of the last verdict.

    Args:
        answer: without thoughts.
        key: of the frames.
        field: of the verdict.
        most: texts.
        longest: characters of a text.
    """
    verdict = json_verdict(answer, key, [field])
    if verdict.value is None:
        return unread(verdict.reason)
    listed = verdict.value[field]
    if not isinstance(listed, list):
        return unread(f"{field!r} of the judge's last verdict is no list")
    found = [storable(text).strip() for text in cast("list[Any]", listed) if isinstance(text, str)]
    if len(found) != len(cast("list[Any]", listed)) or not 1 <= len(found) <= most or any(not 0 < len(text) <= longest for text in found):
        return unread(f"{field!r} of the judge's last verdict is no list of 1 to {most} texts of at most {longest} characters")
    return Reading(list(dict.fromkeys(found)))
