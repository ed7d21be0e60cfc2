"""What a person types, and the call that it stands for."""

import pytest

from prm_gym.tools import Tool, ToolCall, call_of, read_call, text_argument

ANSWER = Tool("answer", "Answers.", {"text": {"type": "string"}})
REFUND = Tool("refund", "Refunds.", {"order_id": {"type": "integer"}, "reason": {"type": "string"}, "items": {"type": "array"}}, optional=("items",))
ORDERS = Tool("orders", "Lists orders.")
FOREIGN = Tool("foreign", "Of another server.", schema={"type": "object", "properties": {"a": True}, "required": ["a"]})
CODE = Tool("python", "Runs.", {"code": {"type": "string"}, "reset": {"type": "boolean"}}, optional=("reset",))
TOOLS = (ANSWER, REFUND, ORDERS, FOREIGN, CODE)


@pytest.mark.parametrize(
    ("typed", "call"),
    [
        ("answer 42", ToolCall("answer", {"text": "42"})),
        ("  answer  it is x = 3 ", ToolCall("answer", {"text": "it is x = 3"})),
        ("answer text='a b'", ToolCall("answer", {"text": "a b"})),
        ('refund order_id=17 reason="too late"', ToolCall("refund", {"order_id": 17, "reason": "too late"})),
        ("refund order_id=17 reason=17 items=[1,2]", ToolCall("refund", {"order_id": 17, "reason": "17", "items": [1, 2]})),
        ("refund order_id=x", ToolCall("refund", {"order_id": "x"})),  # wrong, and the schema will say so
        ("orders", ToolCall("orders", {})),
        ("foreign a=1", ToolCall("foreign", {"a": 1})),
        ("answer", ToolCall("answer", {})),
        ('python print("a")', ToolCall("python", {"code": 'print("a")'})),
        ('python code=print("a")', ToolCall("python", {"code": 'print("a")'})),
        ("python code='a' + 'b'", ToolCall("python", {"code": "'a' + 'b'"})),
        ('python code=print("a") reset=true', ToolCall("python", {"code": 'print("a")', "reset": True})),
        ("python reset=true code=1", ToolCall("python", {"code": "1", "reset": True})),
        ("python x == 1", ToolCall("python", {"code": "x == 1"})),
    ],
)
def test_a_line_stands_for_a_call(typed, call):
    assert read_call(call_of(typed, TOOLS)) == call


@pytest.mark.parametrize("typed", ["", "hello", "answers 42", '{"name": "orders"}', "refund 17", 'refund reason="x', "orders please", "\ud800"])
def test_what_stands_for_none_is_left_alone(typed):
    assert call_of(typed, TOOLS) == typed


def test_the_argument_that_several_lines_are_for():
    assert [text_argument(tool) for tool in TOOLS] == ["text", None, None, None, "code"]
