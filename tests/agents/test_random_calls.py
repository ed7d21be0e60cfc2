"""Calls drawn at random: whatever a schema looks like, something comes out that can be read as a call."""

import numpy as np
import pytest

from prm_gym.agent import Prompt
from prm_gym.agents.random_calls import CallDrawer
from prm_gym.tools import Tool, ToolCall, read_call

ODD = [
    {"type": "object", "properties": {"a": True}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "array", "items": True}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "array", "items": [{"type": "string"}]}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": []}, "b": {"type": {}}, "c": {"enum": 3}}, "required": ["a", "b", "c"]},
    {"type": "object", "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "object", "properties": None}}, "required": "ab"},
    {"type": "object", "properties": [], "required": None},
    {"properties": {"a": {"type": "integer"}, "b": {"type": "number"}}, "required": ["a", "b"]},
    {"$ref": "#/nowhere"},
    {},
]


@pytest.mark.parametrize("schema", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("seen", ["", "9" * 400, "1e400 ٣ ² -5 " + "9" * 25, "x" * 9_000 + " 3.5"])
def test_any_schema_and_any_text_give_a_call(schema, seen):
    drawer = CallDrawer(np.random.default_rng(0))
    prompt = Prompt(instructions="", observation=seen, tools=(Tool("odd", "", schema=schema),))
    for _ in range(30):
        call = read_call(drawer.call(prompt))
        assert isinstance(call, ToolCall)
        assert set(schema["required"] if isinstance(schema.get("required"), list) else ()) <= set(call.arguments)
