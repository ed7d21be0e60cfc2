"""Calls drawn at random: of tools that are known by their schemas alone, with words and numbers that have been seen."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from prm_gym.agent import Prompt
from prm_gym.claims import Json
from prm_gym.tools import Tool, call_text

MOST_SEEN = 400
MAX_DEPTH = 4
_WORD = re.compile(r"[\w.@#:/-]+")
_NUMBER = re.compile(r"(?<!\d)-?\d{1,15}(?:\.\d{1,15})?(?!\d)", re.ASCII)  # a longer one can stand in no call


class CallDrawer:
    """Draws calls from a random generator. A schema, or a part of one, that it does not understand is drawn as a text."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Take the generator."""
        self._rng = rng

    def call(self, prompt: Prompt) -> str:
        """A call of one of the prompt's tools, whose arguments fit its schema as far as simple schemas go."""
        seen = "\n".join([*(step.observation for step in prompt.history), prompt.observation])
        words, numbers = _WORD.findall(seen)[-MOST_SEEN:], _NUMBER.findall(seen)[-MOST_SEEN:]
        tool: Tool = self._one(prompt.tools)
        return call_text(tool.name, **self._object(tool.arguments_schema(), words, numbers, MAX_DEPTH))

    def _one(self, options: Sequence[Any]) -> Any:
        return options[int(self._rng.integers(len(options)))]

    def _object(self, schema: Mapping[str, Any], words: list[str], numbers: list[str], depth: int) -> dict[str, Json]:
        properties, listed = schema.get("properties"), schema.get("required")
        if not isinstance(properties, Mapping):
            return {}
        required = cast("list[Any]", listed) if isinstance(listed, list) else []
        known = cast("Mapping[Any, Any]", properties)
        taken = [name for name in known if name in required or self._rng.random() < 0.5]
        return {str(name): self._value(known[name], words, numbers, depth - 1) for name in taken}

    def _value(self, given: Any, words: list[str], numbers: list[str], depth: int) -> Json:
        schema = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
        listed, kind = schema.get("enum"), schema.get("type", "string")
        if isinstance(listed, list) and listed:
            return self._one(cast("list[Any]", listed))
        if isinstance(kind, list):
            kind = self._one(cast("list[Any]", kind)) if kind else "string"
        if kind == "object" and depth > 0:
            return cast("Json", self._object(schema, words, numbers, depth))
        if kind == "array" and depth > 0:
            return [self._value(schema.get("items"), words, numbers, depth - 1) for _ in range(int(self._rng.integers(1, 3)))]
        if kind == "boolean":
            return bool(self._rng.integers(2))
        if kind in ("integer", "number"):
            value = float(self._one(numbers)) if numbers and self._rng.random() < 0.7 else float(self._rng.integers(10))
            return int(value) if kind == "integer" else value
        return str(self._one(words)) if words else "a"
