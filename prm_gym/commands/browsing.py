"""Pages for people: how a page is shown in a terminal, and what may be typed for an action."""

import re
import sys
from typing import TYPE_CHECKING, Any

from prm_gym.web.actions import action_text
from prm_gym.web.paging import View

if TYPE_CHECKING:
    from prm_gym.env import StepEnv

HINT = (
    "12 clicks [12]; 7 = blue mug types it into [7], or chooses it there; also: down, up, back, enter, go ADDRESS, answer, answer TEXT, ? for what can be done"
)
_ITEM = re.compile(r"\[(\d+)\] (\w+) (.*)\Z", re.DOTALL)
_SET = re.compile(r"\[?(\d{1,6})\]?\s*=\s?(.*)\Z", re.DOTALL)
_NUMBER = re.compile(r"\[?(\d{1,6})\]?\Z")
_WORDS = {"down": "scroll down", "up": "scroll up", "enter": "press Enter", "escape": "press Escape", "esc": "press Escape", "done": "answer"}
_BOLD, _DIM, _RED, _BLUE, _PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[36m", "\033[0m"


def view_of(env: "StepEnv") -> View | None:
    """The page that an environment shows; None for one that shows none. It has to have been reset."""
    view: Any = getattr(env, "live", None)
    return view if isinstance(view, View) else None


def page_text(observation: str, *, colours: bool | None = None) -> str:
    r"""An observation with its elements in columns, their numbers at the left.

    >>> print(page_text('title: Shop\n# Mugs\n[4] link "Blue mug"\n- 12.50 EUR', colours=False))
    title: Shop
    <BLANKLINE>
           Mugs
       4   link       Blue mug
           12.50 EUR

    Args:
        observation: of an environment on pages.
        colours: with the escapes of a terminal; where the output is one unless given.
    """
    bold, dim, red, blue, plain = (_BOLD, _DIM, _RED, _BLUE, _PLAIN) if (sys.stdout.isatty() if colours is None else colours) else ("",) * 5
    lines: list[str] = []
    for line in observation.split("\n"):
        item = _ITEM.match(line)
        if item:
            lines.append(f"{bold}{blue}{item[1]:>4}{plain}   {dim}{item[2]:<10}{plain} {_unquoted(item[3])}".rstrip())
        elif line.startswith("# "):
            lines += ["", f"       {bold}{line[2:]}{plain}"]
        elif line.startswith("- "):
            lines.append(f"       {line[2:]}")
        elif line.startswith("Error: "):
            lines.append(f"{red}{line}{plain}")
        else:
            lines.append(f"{bold}{line}{plain}" if line.startswith("task: ") else line)
    return "\n".join(lines)


def action_of(text: str, view: View) -> str:
    """The action that a person means; what is no shorthand is the action itself.

    Args:
        text: as it was typed.
        view: the page that they see.
    """
    text = text.strip()
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    if found := _NUMBER.match(text):
        return f"click [{found[1]}]"
    if found := _SET.match(text):
        from prm_gym.web.actions import Select, Type

        ref, value = int(found[1]), found[2]
        item = view.sight.find(ref)
        return action_text(Select(ref, value) if item is not None and item.role in ("combobox", "listbox") and item.options else Type(ref, value))
    if text.casefold().startswith("go "):
        from prm_gym.web.actions import Goto

        return action_text(Goto(text[3:].strip()))
    return text


def _unquoted(rest: str) -> str:
    """What follows the role of an element, its name without quotes where nothing is escaped in it."""
    name = re.match(r'"([^"\\]*)"', rest)
    return f"{name[1] or '(no name)'}{'  ' if rest[name.end() :] else ''}{rest[name.end() :].strip()}" if name else rest
