"""What a person types, and the call that it stands for."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prm_gym.tools import Tool, ToolCall, call_of, call_text, hint, read_call, signature, text_argument, typed

ANSWER = Tool("answer", "Answers.", {"text": {"type": "string"}})
REFUND = Tool("refund", "Refunds.", {"order_id": {"type": "integer"}, "reason": {"type": "string"}, "items": {"type": "array"}}, optional=("items",))
ORDERS = Tool("orders", "Lists orders.")
FOREIGN = Tool("foreign", "Of another server.", schema={"type": "object", "properties": {"a": True}, "required": ["a"]})
CODE = Tool("python", "Runs.", {"code": {"type": "string"}, "reset": {"type": "boolean"}}, optional=("reset",))
TOOLS = (ANSWER, REFUND, ORDERS, FOREIGN, CODE)


@pytest.mark.parametrize(
    ("line", "call"),
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
def test_a_line_stands_for_a_call(line, call):
    assert read_call(call_of(line, TOOLS)) == call


@pytest.mark.parametrize("line", ["", "hello", "answers 42", '{"name": "orders"}', "refund 17", 'refund reason="x', "orders please", "\ud800"])
def test_what_stands_for_none_is_left_alone(line):
    assert call_of(line, TOOLS) == line


def test_a_hint_names_the_arguments_where_a_line_stands_for_no_call():
    assert hint("refund 17 late", TOOLS) == "refund order_id=... reason=... items=..."
    assert hint("orders please", TOOLS) == "orders"
    assert [hint(line, TOOLS) for line in ("refund order_id=17", "answer 42", "hello", "")] == [""] * 4


def test_the_argument_that_several_lines_are_for():
    assert [text_argument(tool) for tool in TOOLS] == ["text", None, None, None, "code"]


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (call_text("orders"), "orders"),
        (call_text("refund", order_id=17, reason="too late"), "refund order_id=17 reason='too late'"),
        (call_text("refund", order_id=17, reason="17", items=["a", "b c"]), """refund order_id=17 reason=17 items='["a","b c"]'"""),
        (call_text("refund", order_id=1, reason=""), "refund order_id=1 reason=''"),
        (call_text("nothing", a=1), call_text("nothing", a=1)),
        ("Good day", "Good day"),
        (call_text("answer", text="x = 'm'"), """answer text="x = 'm'\""""),
        (call_text("answer", text="['a']"), """answer text="['a']\""""),
        (call_text("answer", text="""['a', "b"]"""), """answer ['a', "b"]"""),
        (call_text("refund", order_id=1, reason="""it's "so" \\ """), """refund order_id=1 reason="it's \\"so\\" \\\\ \""""),
    ],
)
def test_calls_are_shown_as_they_may_be_typed(action, line):
    assert typed(action, TOOLS) == line


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text takes long on a loaded machine
@given(
    st.sampled_from(TOOLS),
    st.dictionaries(st.sampled_from(["text", "code", "a", "reset", "order_id", "reason"]), st.text(max_size=12) | st.integers() | st.booleans(), max_size=3),
)
def test_what_is_shown_stands_for_the_call(tool, arguments):
    action = call_text(tool.name, **arguments)
    shown = typed(action, TOOLS)
    assert (shown if shown == action else call_of(shown, TOOLS)) == action


def test_signatures():
    assert [signature(tool) for tool in TOOLS] == [
        "answer(text)",
        "refund(order_id: integer, reason, items?: array)",
        "orders()",
        "foreign()",  # a schema of true says nothing of the argument
        "python(code, reset?: boolean)",
    ]
    assert signature(Tool("t", "", {"kind": {"type": "string", "enum": ["a b", "c"]}})) == 't(kind: "a b" | "c")'
