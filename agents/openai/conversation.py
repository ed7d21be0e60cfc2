"""An episode as a conversation: what the agent saw is the user's, what it did is its own, and calls are calls where the interface carries them."""

import json

from prm_gym.agent import Prompt
from prm_gym.chat import CallMessage, ChatReply, Message, NativeCall, ResultMessage
from prm_gym.tools import ToolCall, read_call

_NOTHING = "(no action)"  # some endpoints take no empty message
_LEFT_OUT = "[{count} steps are left out here.]"
_ALONE = "Answer with the next action alone, in exactly this form."
_REASONED = 'Think it over first, in a few sentences. Then write the action, and nothing else, on a line that begins with "Action:".'


def messages_of(prompt: Prompt, question: str = "", *, first: int = 0, native: bool = False, reason: bool = False) -> tuple[Message, ...]:
    """The conversation up to what is seen now.

    Args:
        prompt: what the agent acts on.
        question: put after what is seen now.
        first: the earlier steps from this one on are shown. For those that are left out the first observation stands, since it tells the task.
        native: earlier calls of tools are shown as calls, and what came of them as their results.
        reason: it is asked to think before it acts.
    """
    history = prompt.history
    messages: list[Message] = [Message("system", _instructions(prompt, listed=bool(question), reason=reason))]
    called: NativeCall | None = None
    for place in range(first, len(history)):
        seen = _opened(prompt, first, history[place].observation) if place == first else history[place].observation
        messages.append(_seen(seen, called))
        said, called = _said(history[place].action, place, native)
        messages.append(said)
    seen = _opened(prompt, first, prompt.observation) if first == len(history) else prompt.observation
    messages.append(_seen(f"{seen}\n\n{question}" if question else seen, called))
    return tuple(messages)


def _opened(prompt: Prompt, first: int, observation: str) -> str:
    """What is seen at the first step that is shown, after the task where steps are left out."""
    if first == 0:
        return observation
    return "\n\n".join([prompt.history[0].observation, _LEFT_OUT.format(count=first), observation])


def _instructions(prompt: Prompt, listed: bool, reason: bool) -> str:
    # Where tools are native their schemas stay in the instructions too: there are servers that drop those of a request without a word.
    ending = _REASONED if reason else "" if listed or prompt.tools else _ALONE
    return f"{prompt.instructions}\n\n{ending}" if ending else prompt.instructions


def _seen(observation: str, called: NativeCall | None) -> Message:
    return Message("user", observation) if called is None else ResultMessage("tool", observation, call_id=called.id)


def _said(action: str, place: int, native: bool) -> tuple[Message, NativeCall | None]:
    """An earlier action as a message, and the call in it, if so."""
    reading = read_call(action) if native else None
    if not isinstance(reading, ToolCall):
        return Message("assistant", action if action.strip() else _NOTHING), None
    call = NativeCall(f"call{place:05d}", reading.name, json.dumps(reading.arguments, ensure_ascii=False))  # nine letters, which Mistral's models ask for
    return CallMessage("assistant", reading.thought, calls=(call,)), call


def called_action(reply: ChatReply) -> str:
    """The action of an answer that calls tools, in the form that `prm_gym.tools.read_call` reads: one call alone is short, all else is the message itself.

    Nothing is mended: two calls, or arguments that are no JSON, are malformed actions, and the environment says so.
    """
    text = reply.text.strip()
    if len(reply.calls) == 1 and not text:
        return json.dumps(_function(reply.calls[0]), ensure_ascii=False)
    calls = [{"type": "function", "function": _function(call)} for call in reply.calls]
    return json.dumps({"role": "assistant", "content": text, "tool_calls": calls}, ensure_ascii=False)


def _function(call: NativeCall) -> dict[str, object]:
    """The call with its arguments as an object where they are one; else as they came, which nobody will take for a call."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = call.arguments
    return {"name": call.name, "arguments": arguments if isinstance(arguments, dict) else call.arguments}
