"""How the text of an agent becomes a call."""

import json
import re
import time

import pytest

from prm_gym.errors import OptionError
from prm_gym.tools import Message, Tool, ToolCall, Unreadable, call_text, described, read_call, understood

ADD = Tool("add", "Adds.", {"a": {"type": "integer"}, "b": {"type": "integer"}, "note": {"type": "string"}}, optional=("note",))


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "add", "arguments": {"a": 1, "b": 2}}',
        '{"arguments": {"b": 2, "a": 1}, "name": "add"}',
        '{"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}',
        '[{"name": "add", "arguments": {"a": 1, "b": 2}}]',
        '{"type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}}',
        '{"role": "assistant", "content": null, "tool_calls": [{"id": "x", "function": {"name": "add", "arguments": "{\\"a\\":1,\\"b\\":2}"}}]}',
        '  <tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>\n',
        call_text("add", a=1, b=2),
        '<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}',  # servers cut the closing tag off
        '<TOOL_CALL>{"name": "add", "arguments": {"a": 1, "b": 2}}</TOOL_CALL>',
        '{"role": "assistant", "content": null, "function_call": {"name": "add", "arguments": "{\\"a\\":1,\\"b\\":2}"}}',
        '{"role": "assistant", "content": "<tool_call>{\\"name\\": \\"add\\", \\"arguments\\": {\\"a\\": 1, \\"b\\": 2}}</tool_call>"}',
        '<function=add>{"a": 1, "b": 2}</function>',
        '<|python_tag|>{"name": "add", "parameters": {"a": 1, "b": 2}}',
        '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1, "b": 2}}]',
        '{"type": "tool_use", "name": "add", "input": {"a": 1, "b": 2}}',
        '{"type": "function_call", "name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}',
        '```json\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n```',
        '<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call><|endoftext|>',
        '[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}</s>',
        '[TOOL_CALLS]add[CALL_ID]abcd12345[ARGS]{"a": 1, "b": 2}',
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n"
        '{"a": 1, "b": 2}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>',
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": 1, "b": 2}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        '<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{"a": 1, "b": 2}<|tool_call_end|><|tool_calls_section_end|>',
        '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1, "b": 2}<|call|>',
        '<|tool_call|>[{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]<|/tool_call|>',
    ],
)
def test_one_call_in_many_forms(text):
    call = read_call(text)
    assert call == ToolCall("add", {"a": 1, "b": 2})
    assert call.key == '["add",{"a":1,"b":2}]'


def test_what_is_thought_before_the_call():
    assert read_call('First I add. <tool_call>{"name": "add", "arguments": {}}</tool_call>') == ToolCall("add", {}, "First I add.")
    assert read_call('{"content": "First.", "tool_calls": [{"function": {"name": "add", "arguments": ""}}]}') == ToolCall("add", {}, "First.")


@pytest.mark.parametrize(
    "text",
    [
        "First I add.\n{}",
        "First I add.\n```json\n{}\n```",
        "First I add.\n```python\n{}\n```",
        "<think>First I add.</think>\n{}",
        "First I add.\n</think>\n\n{}",
        "First I add.\n</think>\n\n<tool_call>{}</tool_call>",
        "First I add.[TOOL_CALLS] [{}]",
        "<think>First I add.</think>\n<tool_call>\n{}\n</tool_call>",
        "First I add.\n\n<tool_call>{}</tool_call>",
    ],
)
def test_thoughts_before_a_call(text):
    assert read_call(text.replace("{}", call_text("add", a=1))) == ToolCall("add", {"a": 1}, "First I add.")


def test_whatever_a_program_holds_its_call_is_read():
    for code in (
        "n = 3\ntool_calls = 5\nprint(n < tool_calls)",
        "<tool_call>",
        "</tool_call>",
        "<function=f>",
        "<think>",
        "</think>",
        "[TOOL_CALLS]f[ARGS]{}",
        '```json\n{"name": 1}\n```',
        "\t\u2028\x7f",
    ):
        text = call_text("python", code=code)
        fenced = text if "`" in code else f"```json\n{text}\n```"
        for form in (text, f"<tool_call>{text}</tool_call>", f"So be it.\n{text}", fenced, text + "<|im_end|>"):
            reading = read_call(form)
            assert (type(reading), reading.arguments) == (ToolCall, {"code": code}), form


def test_line_feeds_in_a_program_are_read_though_they_are_no_json():
    assert read_call('{"name": "python", "arguments": {"code": "a = 1\n\tb"}}') == ToolCall("python", {"code": "a = 1\n\tb"})


def test_a_message_in_openais_form():
    assert read_call('{"role": "assistant", "content": "Hello", "tool_calls": null}') == Message("Hello")
    assert read_call('{"role": "assistant", "content": "Hello"}') == Message("Hello")  # as model_dump(exclude_none=True) gives it
    assert read_call('{"role": "assistant", "content": "Hello", "tool_calls": []}') == Message("Hello")
    assert read_call('{"name": "list", "arguments": null}') == ToolCall("list", {})
    assert read_call("[Note] my order") == Message("[Note] my order")


def test_a_program_may_hold_the_closing_tag():
    code = "print('</tool_call>', {'name': 'add'})"
    assert read_call(f"<tool_call>{call_text('python', code=code)}</tool_call>") == ToolCall("python", {"code": code})


def test_a_message_is_what_follows_the_thinking():
    for text in ("<think>Whose?</think> Which order?", "Whose?\n</think>\n\nWhich order?"):
        assert read_call(text) == Message("Which order?")


@pytest.mark.parametrize(
    "form", ["<{}b", "a\n{}b", "a{}b", "{{{}b", "x\n{{{}b", "[TOOL_CALLS]a{}b", "<|python_tag|>{}b", "<tool_call>{{}}{}x", "add({}) x", "a {{{}b", "<invoke{}b"]
)
def test_long_blanks_take_no_time(form):
    started = time.process_time()
    read_call(form.format(" " * 100_000))  # where the time grew with the square, it took minutes
    assert time.process_time() - started < 2


def test_text_that_calls_nothing_is_a_message():
    assert read_call("  Shall I go on? ") == Message("Shall I go on?")
    assert read_call("") == Message("")
    texts = (
        "The set {1, 2} has two.",
        'It says {"a": 1}.',
        "x = {\n  1}",
        "<think>hm",
        "a < tool_caller",
        "[TOOL_CALLS] is a mark",
        "[add(a=1)]",
        "```python\nprint(1)\n```",
    )
    for text in texts:
        assert read_call(text) == Message(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"name": "add", "arguments": {"a": 1', "not valid JSON"),
        ('{"name": "add", "arguments": {"a": NaN}}', "NaN"),
        ('{"name": "add", "arguments": {"a": 1e999}}', "too great"),
        ('{"name": "add", "arguments": {"a": ' + "9" * 5_000 + "}}", "64 bits"),
        ('{"name": "add", "arguments": {"a": 9223372036854775808}}', "64 bits"),
        ('{"name": "add", "arguments": {"a": "\\ud800"}}', "surrogates"),
        ('{"name": "add", "name": "sub", "arguments": {}}', "twice"),
        ('{"name": "add", "arguments": ' + "[" * 7_000 + "}", "JSON|deep"),
        ('{"name": "add", "arguments": ' + '{"a":' * 3_000 + "1" + "}" * 3_001, "deep"),
        ('{"name": "add", "arguments": [1, 2]}', "object"),
        ('{"name": 3, "arguments": {}}', "name"),
        ('{"tool_calls": []}', "one call, got 0"),
        ('[{"name": "a"}, {"name": "b"}]', "one call, got 2"),
        ('<tool_call>{"name": "a"}</tool_call><tool_call>{"name": "b"}</tool_call>', "one call"),
        ('</tool_call>{"name": "add"}<tool_call>', "stands between"),
        ('<|TOOL_CALL|>{"name": "add"', "not valid JSON"),
        ('{"name": "add", "arguments": {}} Done.', "nothing follows"),
        ('Here: {"name": "add", "arguments": {}}', "lines of its own"),
        ('Here:\n{"arguments": {}, "name": "add"}', "lines of its own"),
        ('<invoke name="add"></invoke>', "lines of its own"),
        ('<think>maybe I should <tool_call>{"name": "add", "arguments": {}}</tool_call>', "thought before the call does not end"),
        ('<think>maybe I should\n{"name": "add", "arguments": {}}', "thought before the call does not end"),
        ('<think>no</think> Hm. <think>maybe\n```json\n{"name": "add", "arguments": {}}\n```', "thought before the call does not end"),
        ('<tool_call>{"name": "add", "arguments": {"a": 1', "not valid JSON"),
        ('<function=add>{"a": 1', "not valid JSON"),
        ("<function=>{}</function>", "of this form"),
        ('I add.\n{"name": "add", "arguments": {"a": 1}', "not valid JSON"),
        ('```json\n{"name": "add"}\n```\nDone.', "nothing follows"),
        ('```json\n{"name": "add"}\n```\n```json\n{"name": "add"}\n```', "nothing follows"),
        ("[TOOL_CALLS]add[ARGS]{", "not valid JSON"),
        ('[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]add[ARGS]{"a": 1}', "nothing follows"),
        ("<｜tool▁call▁begin｜>add<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{}<｜tool▁call▁end｜>", "nothing follows"),
        ('<tool_call>{"name": "add"}</tool_call></tool_call>', "nothing follows"),
        ("{}", "name"),
    ],
)
def test_what_is_meant_as_a_call_and_is_none(text, reason):
    reading = read_call(text)
    assert isinstance(reading, Unreadable)
    assert re.search(reason, reading.reason)


@pytest.mark.parametrize("text", ["add(a=1, b=2)", "[add(a=1, b=2)]", "I add.\nadd()", "Thought: I add.\nAction: add[1, 2]", "Action: add\nAction Input: {}"])
def test_a_call_without_json_is_no_message_to_whoever_listens(text):
    assert isinstance(understood(text, [ADD]), Unreadable)
    assert understood(text, []) == Message(text)  # where there is no such tool


def test_words_that_name_a_tool_are_a_message():
    for text in ("Shall I add (or not)?", "add 1 and 2", "I would add(it) to the list.", "Action: adding up"):
        assert understood(text, [ADD]) == Message(text)


def test_schema_in_openais_format():
    assert ADD.openai() == {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Adds.",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "note": {"type": "string"}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        },
    }
    assert [json.loads(line) for line in described([ADD, ADD]).splitlines()] == [ADD.openai()] * 2


def test_arguments_that_do_not_fit():
    assert ADD.defects({"a": 1, "b": 2}) == []
    assert ADD.defects({"a": 1, "b": 2, "note": "x"}) == []
    assert ADD.defects({"a": 1}) == ["'b' is a required property"]
    assert ADD.defects({"a": "1", "b": 2}) == ["a: '1' is not of type 'integer'"]
    assert ADD.defects({"a": True, "b": 2}) == ["a: True is not of type 'integer'"]
    assert "'c' was unexpected" in ADD.defects({"a": 1, "b": 2, "c": 3})[0]
    assert len(ADD.defects({"a": "x" * 5_000, "b": []})[0]) < 300


def test_a_tool_is_checked_when_it_is_made():
    with pytest.raises(OptionError, match="letters"):
        Tool("no name", "")
    with pytest.raises(OptionError, match="optional"):
        Tool("add", "", {}, optional=("a",))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/nowhere"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"type": "nothing"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"pattern": "\\p{L}"}}},
    ],
)
def test_a_broken_schema_of_others_is_a_defect(schema):
    assert "schema is broken" in Tool("odd", "", schema=schema).defects({"a": "x"})[-1]


def test_a_deep_value_under_a_recursive_schema_raises_nothing():
    schema = {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}
    value = {}
    for _ in range(900):
        value = {"next": value}
    Tool("deep", "", schema=schema).defects(value)
