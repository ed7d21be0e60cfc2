"""Tools: what they are called, what they take, and how an agent's text calls them.

tool = Tool("add", "Adds two numbers.", {"a": {"type": "number"}, "b": {"type": "number"}})
tool.openai()                                            # OpenAI's JSON schema of the tool
read_call('{"name": "add", "arguments": {"a": 1, "b": 2}}')   # ToolCall("add", {"a": 1, "b": 2})
tool.defects({"a": 1})                                   # ["'b' is a required property"]
"""

from prm_gym.tools.calls import Message, ToolCall, Unreadable, call_text, read_call, required_call, understood
from prm_gym.tools.shorthand import call_of, hint, signature, text_argument, typed
from prm_gym.tools.tool import Tool, described, lists_tools

__all__ = [
    "Message",
    "Tool",
    "ToolCall",
    "Unreadable",
    "call_of",
    "call_text",
    "described",
    "hint",
    "lists_tools",
    "read_call",
    "required_call",
    "signature",
    "text_argument",
    "typed",
    "understood",
]
