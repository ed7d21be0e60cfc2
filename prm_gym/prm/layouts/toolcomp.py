r"""ToolComp: steps of agents with tools beside what people made of them, read as pairs.

    {"prompt": "...", "tools": ["wiki_search", ...], "historical_date": "...", "history": "[{\"action plan\": {\"text\": ...}}, {\"thought\": {\"text\": ...},
     \"action\": ..., \"action_input\": ..., \"observation\": ...}, ...]", "preferred": {"thought": {"text": "..."}, ...}, "dispreferred": {...}}

`history` is JSON in a text, or the list itself. Where it is empty the pair is one of plans (`action plan`; domain "plan"); else its first entry is the plan
and the rest are steps that were taken, and the pair is one of steps (domain "step"). A step is its thought, action and input; what it then observed is not
shown, for no verifier of ours sees the result of a step before it judges it; `observations=True` writes it below the step, as the benchmark's own prompt does.

Source: Nath et al. 2025 (ToolComp), vaskar-open-source-research/toolcomp, prompts/llm_as_judge.py and inference/llm_as_judge_inference.py.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from prm_gym.chains import Chain, ChainStep
from prm_gym.errors import OptionError
from prm_gym.prm.layouts.columns import identity, object_of, text_of
from prm_gym.prm.pairs import PreferencePair

PLAN = "action plan"
PARTS = (("thought", "Thought"), ("action", "Action"), ("action_input", "Action Input"))


def read_pairs(rows: Iterable[Mapping[str, Any]], source: str = "toolcomp", observations: bool = False) -> Iterator[PreferencePair]:
    """The pairs of rows, in order.

    Args:
        rows: with the fields above.
        source: name of the data.
        observations: show what the two steps observed.

    Raises:
        OptionError: a field is missing or wrong.
    """
    for row in rows:
        history = _history(row.get("history"))
        tools, date = row.get("tools"), row.get("historical_date")
        problem = "\n".join(
            part for part in (text_of(row, "prompt"), f"Tools: {_plain(tools)}" if tools else "", f"Today is {date}." if isinstance(date, str) else "") if part
        )
        taken: list[ChainStep] = []
        seen = ""
        for entry in history:
            taken.append(ChainStep(_written(entry, PLAN in entry), seen))
            seen = _text(entry, "observation") if PLAN not in entry else ""
        two = [
            Chain(problem, (*taken, ChainStep(_candidate(object_of(row.get(name), name), not history, observations), seen)))
            for name in ("preferred", "dispreferred")
        ]
        yield PreferencePair(id=identity(row), chosen=two[0], rejected=two[1], shared=len(taken), source=source, domain="step" if history else "plan")


def _history(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, str) and value.strip():
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise OptionError(f"history is JSON: {error}") from error
    if value is None or value == "":
        return []
    if not isinstance(value, list | tuple):
        raise OptionError(f"history is a list of steps, got {value!r:.60}")
    return [object_of(entry, "an entry of the history") for entry in cast("Sequence[object]", value)]


def _candidate(entry: Mapping[str, Any], plan: bool, observations: bool) -> str:
    observed = _text(entry, "observation") if observations and not plan else ""
    written = _written(entry, plan)
    return f"{written}\nObservation: {observed}" if observed else written


def _written(entry: Mapping[str, Any], plan: bool) -> str:
    if plan:
        return f"Plan: {_text(entry, PLAN)}"
    return "\n".join(f"{shown}: {text}" for name, shown in PARTS if (text := _text(entry, name)))


def _text(entry: Mapping[str, Any], name: str) -> str:
    """The text of a part: a text, or an object with one."""
    value = entry.get(name)
    if isinstance(value, Mapping):
        value = cast("Mapping[str, Any]", value).get("text")
    return "" if value is None else value.strip() if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")
