"""What an agent does to a page: a small language of actions, read by a grammar of its own. Nothing of it is evaluated.

    click [12]                double_click [12]        hover [12]           drag [12] [15]
    type [7] "blue mug"       select [5] "Large"       press Enter          press [7] Control+a
    scroll down               goto "http://shop.test/cart"                  back
    tab 2                     answer "12.50"           noop                 click_at 80 120

An action may say which element it means, and is refused where that is another one:

    click [12] button "Add to cart"      type [7] "blue mug" into searchbox "Search"      select [5] "Large" in combobox "Size"

A text is in double quotes with JSON's escapes; where it holds no quote at its beginning, the rest of the line will do. `type` replaces what the field holds;
`answer` ends the episode, also without a text. What is thought may stand before an action, in lines of its own or in a section <think>...</think>; the
action is the last line, and `Action:` before it or a fence around it does no harm. One action is a step: two are none.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Literal, TypeAlias

import msgspec

LONGEST_TEXT = 4_000
MOST_LINES = 200  # of a text that is typed
SHORT = 200  # readings of texts so long are kept


class Click(msgspec.Struct, frozen=True, tag="click"):
    """Click an element, once or `count` times; `of` says which one is meant: its role and its quoted name."""

    ref: int
    count: int = 1
    of: str = ""


class ClickAt(msgspec.Struct, frozen=True, tag="click_at"):
    """Click a point of the window, in pixels from its upper left corner."""

    x: int
    y: int


class Hover(msgspec.Struct, frozen=True, tag="hover"):
    """Move the pointer over an element."""

    ref: int


class Drag(msgspec.Struct, frozen=True, tag="drag"):
    """Press the button over an element, and let it go over another."""

    ref: int
    to: int


class Type(msgspec.Struct, frozen=True, tag="type"):
    """Put a text into a field, in the place of what it holds."""

    ref: int
    text: str
    of: str = ""


class Select(msgspec.Struct, frozen=True, tag="select"):
    """Choose an option of a list by its label."""

    ref: int
    option: str
    of: str = ""


class Press(msgspec.Struct, frozen=True, tag="press"):
    """Press a key, with modifiers before it ("Control+a"); in an element, or where the focus is (ref 0)."""

    key: str
    ref: int = 0


class Scroll(msgspec.Struct, frozen=True, tag="scroll"):
    """Show what follows or what came before."""

    direction: Literal["down", "up"]


class Goto(msgspec.Struct, frozen=True, tag="goto"):
    """Open an address."""

    url: str


class Back(msgspec.Struct, frozen=True, tag="back"):
    """Go back to the page before."""


class Tab(msgspec.Struct, frozen=True, tag="tab"):
    """Turn to another tab, from 1 on."""

    number: int


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """Say that the task is done, with the answer where something was asked."""

    text: str = ""


class Noop(msgspec.Struct, frozen=True, tag="noop"):
    """Do nothing."""


Action: TypeAlias = Click | ClickAt | Hover | Drag | Type | Select | Press | Scroll | Goto | Back | Tab | Answer | Noop


class NoAction(msgspec.Struct, frozen=True):
    """A text that is no action.

    Attributes:
        reason: why, in one sentence.
    """

    reason: str


KEYS = frozenset(
    ("Enter", "Escape", "Tab", "Space", "Backspace", "Delete", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown")
)
MODIFIERS = ("Control", "Shift", "Alt", "Meta")
FORMS = {
    "click": "click [N]",
    "double_click": "double_click [N]",
    "hover": "hover [N]",
    "drag": "drag [N] [M]",
    "type": 'type [N] "TEXT"',
    "select": 'select [N] "OPTION"',
    "press": "press KEY, or press [N] KEY",
    "scroll": "scroll down, or scroll up",
    "goto": 'goto "URL"',
    "back": "back",
    "tab": "tab N",
    "answer": 'answer "TEXT", or answer',
    "noop": "noop",
    "click_at": "click_at X Y",
}
_REF = r"\[\s{0,9}(\d{1,6})\s{0,9}\]"
_WORD = re.compile(r"\s*([a-z_]{1,20})(?![\w-])")
_ONE = re.compile(rf"{_REF}\s*\Z")
_ONE_OF = re.compile(rf'{_REF}\s*([a-z]{{3,12}}\s+".*")?\s*\Z', re.DOTALL)
_OF = re.compile(r'\s*(?:(into|in)\s+([a-z]{3,12}\s+".*"))?\s*\Z', re.DOTALL)
_TWO = re.compile(rf"{_REF}\s*{_REF}\s*\Z")
_TEXT = re.compile(rf"{_REF}\s*(\S.*)?\Z", re.DOTALL)
_KEY = re.compile(rf"(?:{_REF}\s*)?((?:(?:Control|Shift|Alt|Meta)\+){{0,3}}(?:[A-Z][A-Za-z]{{2,10}}|\S))\s*\Z")
_POINT = re.compile(r"(\d{1,5})[\s,]\s*(\d{1,5})\s*\Z")
_NUMBER = re.compile(r"\[?(\d{1,3})\]?\s*\Z")
_PREFIX = re.compile(r"\s*(?:\*\*)?action(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE)
_BEGINS_TEXT = re.compile(r'\s*(?:\W{0,2}action\W{1,3}\s*)?(?:type|select|answer|goto)\b[^"]{0,20}"', re.IGNORECASE)
_DECODER = json.JSONDecoder(strict=False)
_FENCE = re.compile(r"\s*```\w*\s*\Z")


def read_action(text: str) -> Action | NoAction:
    r"""The action that a text is, or why it is none.

    >>> read_action('I search for it.\ntype [7] "blue mug"')
    Type(ref=7, text='blue mug', of='')
    >>> read_action("click the button").reason
    'write: click [N]'

    Args:
        text: what the agent wrote.
    """
    return _read_short(text) if len(text) <= SHORT else _read_whole(text)


def _read_whole(text: str) -> Action | NoAction:
    _, closed, rest = text.partition("</think>")
    if text.lstrip().startswith("<think>"):
        return _read(rest) if closed else NoAction("the thought before the action does not end: write </think>")
    if closed and not isinstance(after := _read(rest), NoAction):  # the thought begins in the prompt
        return after
    return _read(text)


_read_short = lru_cache(8192)(_read_whole)


def _read(text: str) -> Action | NoAction:
    lines = [line for line in text.split("\n") if line.strip() and not _FENCE.match(line)]
    if not lines:
        return NoAction("a step is one action, such as click [12]")
    action, first = _read_line(lines[-1]), len(lines) - 1
    while isinstance(action, NoAction) and first > max(0, len(lines) - MOST_LINES):
        first -= 1  # a text in quotes may have several lines
        if _BEGINS_TEXT.match(lines[first]):
            action = _read_line("\n".join(lines[first:]))
    if isinstance(action, NoAction):
        return _read_line(lines[-1])
    if any(_is_action(line) for line in lines[:first]):
        return NoAction("a step is one action, and there are several here")
    return action


def action_text(action: Action) -> str:
    """An action as it is written; `read_action` reads it back.

    >>> action_text(Select(5, "Large"))
    'select [5] "Large"'
    """
    match action:
        case Click(ref, count, of):
            return f"{'click' if count == 1 else 'double_click'} [{ref}]{f' {of}' if of else ''}"
        case Type(ref, text, of):
            return f"type [{ref}] {quoted(text)}{f' into {of}' if of else ''}"
        case Select(ref, text, of):
            return f"select [{ref}] {quoted(text)}{f' in {of}' if of else ''}"
        case Press(key, ref):
            return f"press [{ref}] {key}" if ref else f"press {key}"
        case Goto(url):
            return f"goto {quoted(url)}"
        case Answer(text):
            return f"answer {quoted(text)}" if text else "answer"
        case Drag(ref, to):
            return f"drag [{ref}] [{to}]"
        case Hover(ref):
            return f"hover [{ref}]"
        case Scroll(direction):
            return f"scroll {direction}"
        case Tab(number):
            return f"tab {number}"
        case ClickAt(x, y):
            return f"click_at {x} {y}"
        case Back() | Noop():
            return str(type(action).__struct_config__.tag)


def quoted(text: str) -> str:
    """A text in double quotes, with JSON's escapes, in one line."""
    written = encode_basestring(text)
    if written.isascii():
        return written
    return written.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def _is_action(line: str) -> bool:
    """Whether a line before the last one is an action; a single word may be thought."""
    return ("[" in line or '"' in line) and not isinstance(_read_line(line), NoAction)


def _read_line(line: str) -> Action | NoAction:
    prefix = _PREFIX.match(line)
    line = line[prefix.end() :] if prefix else line
    word = _WORD.match(line)
    if word is None or word[1] not in FORMS:
        return NoAction(f"an action begins with one of: {', '.join(FORMS)}")
    name, rest = word[1], line[word.end() :].strip()
    try:
        action = _READERS[name](rest)
    except ValueError as error:
        return NoAction(str(error))
    return NoAction(f"write: {FORMS[name]}") if action is None else action


def _text_of(rest: str) -> str:
    """The text of an action: quoted, or the rest of the line."""
    text, of = _text_and_element(rest, "")
    if of:
        raise ValueError("nothing follows the text")
    return text


def _text_and_element(rest: str, word: str) -> tuple[str, str]:
    """The text of an action, and the element that is said after the word."""
    text, of = rest, ""
    if rest.startswith('"'):
        try:
            text, end = _DECODER.raw_decode(rest)
        except json.JSONDecodeError:
            raise ValueError('the text must be one in double quotes, with \\" for a quote in it') from None
        after = _OF.match(rest[end:])
        if after is None or (after[1] or word) != word:
            raise ValueError('the text must be one in double quotes, with \\" for a quote in it, and nothing after it')
        of = _element(after[2])
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"the text has {len(text):,} characters; at most {LONGEST_TEXT:,} are typed")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("the text holds surrogates that no encoding can write") from None
    return text, of


def _element(said: str | None) -> str:
    """Role and quoted name of an element, in one way of writing."""
    if not said:
        return ""
    role, _, name = said.partition('"')
    try:
        name = json.loads('"' + name, strict=False)
    except json.JSONDecodeError:
        raise ValueError('an element is said by its role and its name in double quotes, such as button "Save"') from None
    return f"{role.strip()} {quoted(name)}"


def _clicked(rest: str) -> Click | None:
    found = _ONE_OF.match(rest)
    return Click(int(found[1]), 1, _element(found[2])) if found else None


def _double_clicked(rest: str) -> Click | None:
    found = _ONE_OF.match(rest)
    return Click(int(found[1]), 2, _element(found[2])) if found else None


def _hovered(rest: str) -> Hover | None:
    found = _ONE.match(rest)
    return Hover(int(found[1])) if found else None


def _dragged(rest: str) -> Drag | None:
    found = _TWO.match(rest)
    return Drag(int(found[1]), int(found[2])) if found else None


def _typed(rest: str) -> Type | None:
    found = _TEXT.match(rest)
    return Type(int(found[1]), *_text_and_element(found[2], "into")) if found and found[2] else None


def _selected(rest: str) -> Select | None:
    found = _TEXT.match(rest)
    return Select(int(found[1]), *_text_and_element(found[2], "in")) if found and found[2] else None


def _pressed(rest: str) -> Press | None:
    found = _KEY.match(rest.strip('"'))
    if found is None:
        return None
    key = found[2].rpartition("+")[2] or "+"
    if len(key) > 1 and key not in KEYS:
        raise ValueError(f"a key is one character or one of: {', '.join(sorted(KEYS))}")
    return Press(found[2], int(found[1] or 0))


def _scrolled(rest: str) -> Scroll | None:
    if rest == "down":
        return Scroll("down")
    return Scroll("up") if rest == "up" else None


def _opened(rest: str) -> Goto | None:
    return Goto(_text_of(rest)) if rest else None


def _turned(rest: str) -> Tab | None:
    found = _NUMBER.match(rest)
    return Tab(int(found[1])) if found else None


def _pointed(rest: str) -> ClickAt | None:
    found = _POINT.match(rest)
    return ClickAt(int(found[1]), int(found[2])) if found else None


_READERS: dict[str, Callable[[str], Action | None]] = {
    "click": _clicked,
    "double_click": _double_clicked,
    "hover": _hovered,
    "drag": _dragged,
    "type": _typed,
    "select": _selected,
    "press": _pressed,
    "scroll": _scrolled,
    "goto": _opened,
    "back": lambda rest: None if rest else Back(),
    "tab": _turned,
    "answer": lambda rest: Answer(_text_of(rest) if rest else ""),
    "noop": lambda rest: None if rest else Noop(),
    "click_at": _pointed,
}
