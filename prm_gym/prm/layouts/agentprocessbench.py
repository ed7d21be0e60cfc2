"""AgentProcessBench: conversations of agents with tools, every message of theirs rated, read as labelled chains.

    {"total_index": 0, "query_index": 0, "sample_index": 0, "data_source": "...", "question": "...", "messages": [{"role": "system", ...}, {"role": "user",
    ...},
     {"role": "assistant", "content": "...", "tool_calls": [...]}, {"role": "tool", ...}, ...], "tools": [...], "step_labels": {"2": 1, "4": -1},
     "final_label": -1}

A step is one message of the assistant; the keys of `step_labels` are indices of messages, from 0, system and user counted. +1 is effective, 0 neutral or
exploratory or not the agent's fault, -1 wrong, harmful or against the policy; after a -1 what depends on it is -1 too, unless it is mended. 0 counts as
right in the labels, and is kept in the ratings. What stands between two messages of the assistant (answers of tools, words of the user) is what was
seen before the second. Messages before the first of the assistant, and the tools, are the problem. Rows without messages (labels alone) are refused.

Source: Fan et al. 2026 (AgentProcessBench), RUCBM/AgentProcessBench, eval/compare.py and the annotation guide.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from prm_gym.chains import Chain, ChainStep
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import list_of
from prm_gym.prm.layouts.indices import integer_of

LONGEST = 20_000
"""Characters of one message that are kept; the cut is marked."""

_SPLIT = re.compile(r"(hotpotqa|gaia|bfcl|tau2)", re.IGNORECASE)


def read(rows: Iterable[Mapping[str, Any]], source: str = "agentprocessbench") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order.

    Args:
        rows: with the fields above.
        source: name of the data.

    Raises:
        OptionError: a field is missing or wrong, or a label belongs to a message that is not the assistant's.
    """
    for row in rows:
        messages = [cast("Mapping[str, Any]", message) for message in list_of(row, "messages") if isinstance(message, Mapping)]
        if len(messages) != len(list_of(row, "messages")):
            raise OptionError("messages are objects with a role and a content")
        at = [index for index, message in enumerate(messages) if message.get("role") == "assistant"]
        if not at:
            raise OptionError("no message is the assistant's")
        given = _labels(row.get("step_labels"), at)
        ratings = tuple(given.get(index) for index in at)
        starts = [0, *(index + 1 for index in at)]
        seen = ["\n".join(map(_shown, messages[start:index])) for start, index in zip(starts, at, strict=False)]
        steps = [ChainStep(_said(messages[index]), before if place else "") for place, (index, before) in enumerate(zip(at, seen, strict=True))]
        final = row.get("final_label")
        yield LabelledChain(
            id=_identity(row),
            chain=Chain("\n\n".join(part for part in (_tools(row), seen[0]) if part), tuple(steps)),
            labels=tuple(None if rating is None else float(rating >= 0) for rating in ratings),
            outcome=None if final is None else integer_of(final, "final_label") == 1,
            source=source,
            domain=_domain(row),
            ratings=ratings,
            group=f"{_domain(row)}/{row['query_index']}" if row.get("query_index") is not None else "",
        )


def _labels(value: Any, at: Sequence[int]) -> dict[int, int]:
    """Ratings by the index of their message."""
    if not isinstance(value, Mapping) or not value:
        raise OptionError(f"step_labels is an object from indices of messages to -1, 0 or 1, got {value!r:.60}")
    found: dict[int, int] = {}
    for key, rating in cast("Mapping[Any, Any]", value).items():
        if rating is None:  # columns of a table, one an index
            continue
        index, number = integer_of(key, "a key of step_labels"), integer_of(rating, "a rating")
        if index not in at:
            raise OptionError(f"step_labels has the message {index}, which is not the assistant's; those are {list(at)}")
        if number not in (-1, 0, 1):
            raise OptionError(f"a rating is -1, 0 or 1, got {number}")
        found[index] = number
    return found


def _identity(row: Mapping[str, Any]) -> str:
    if row.get("record_id") is not None:
        return str(row["record_id"])
    if row.get("total_index") is not None:
        return f"{_domain(row)}-{row['total_index']}"
    return f"{_domain(row)}-{row.get('query_index')}-{row.get('sample_index')}"


def _domain(row: Mapping[str, Any]) -> str:
    named = str(row.get("dataset") or row.get("data_source") or "")
    found = _SPLIT.search(named)
    return found[1].casefold() if found else named


def _tools(row: Mapping[str, Any]) -> str:
    tools = row.get("tools")
    return f"Tools: {_json(tools)}" if tools else ""


def _shown(message: Mapping[str, Any]) -> str:
    role, name = message.get("role"), message.get("name")
    return f"{role} {name}: {_text(message)}" if name else f"{role}: {_text(message)}"


def _said(message: Mapping[str, Any]) -> str:
    """What the assistant says, and its calls of tools, one a line."""
    parts = [_text(message)]
    calls: list[Any] = list(message.get("tool_calls") or [])
    for call in calls:
        function = _object(_object(call).get("function", call))
        arguments = function.get("arguments")
        parts.append(f"{function['name']}({arguments if isinstance(arguments, str) else _json(arguments)})" if "name" in function else _json(call))
    return "\n".join(part for part in parts if part).strip()


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    text = content if isinstance(content, str) else "" if content is None else _json(content)
    return text.strip() if len(text) <= LONGEST else f"{text[:LONGEST].strip()} [... {len(text) - LONGEST:,} characters more]"


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")
