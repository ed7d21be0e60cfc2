"""Calls drawn at random: of tools that are known by their schemas alone, with words and numbers that have been seen."""

import re
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from prm_gym.agent import Prompt
from prm_gym.claims import Json
from prm_gym.tools import Tool, call_text

MOST_SEEN = 400
MAX_DEPTH = 4
_WORD = re.compile(r"[\w.@#:/-]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class CallDrawer:
    """Draws calls from a random generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Take the generator."""
        self._rng = rng

    def call(self, prompt: Prompt) -> str:
        """A call of one of the prompt's tools, whose arguments fit its schema as far as simple schemas go."""
        seen = "\n".join([*(step.observation for step in prompt.history), prompt.observation])
        words, numbers = _WORD.findall(seen)[-MOST_SEEN:], _NUMBER.findall(seen)[-MOST_SEEN:]
        tool: Tool = self._one(prompt.tools)
        schema = tool.arguments_schema()
        arguments = self._object(schema, words, numbers, MAX_DEPTH)
        return call_text(tool.name, **{str(name): value for name, value in arguments.items()})

    def _one(self, options: Sequence[Any]) -> Any:
        return options[int(self._rng.integers(len(options)))]

    def _object(self, schema: dict[str, Any], words: list[str], numbers: list[str], depth: int) -> dict[str, Json]:
        required = set(schema.get("required", ()))
        properties = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
        taken = [name for name in properties if name in required or self._rng.random() < 0.5]
        return {name: self._value(properties[name], words, numbers, depth - 1) for name in taken}

    def _value(self, schema: dict[str, Any], words: list[str], numbers: list[str], depth: int) -> Json:
        if schema.get("enum"):
            return self._one(schema["enum"])
        kind = schema.get("type", "string")
        kind = self._one(kind) if isinstance(kind, list) else kind
        if kind == "object" and depth > 0:
            return cast("Json", self._object(schema, words, numbers, depth))
        if kind == "array" and depth > 0:
            items = schema.get("items", {})
            return [self._value(items, words, numbers, depth - 1) for _ in range(int(self._rng.integers(1, 3)))]
        if kind == "boolean":
            return bool(self._rng.integers(2))
        if kind in ("integer", "number"):
            value = float(self._one(numbers)) if numbers and self._rng.random() < 0.7 else float(self._rng.integers(10))
            return int(value) if kind == "integer" and abs(value) < 2**53 else value
        return str(self._one(words)) if words else "a"
