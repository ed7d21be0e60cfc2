"""The actions of BrowserGym, which executes what it gets, read by a grammar of our own: one call of a known function, with literals of the right kinds.

    click('a46')        fill('12', "blue mug")        select_option('48', ["red", "green"])        press('26', "Control+a")
    scroll(0, 200)      goto("http://shop.test/")     send_msg_to_user("12.50")                    noop(500)

What is read is written anew, so that BrowserGym never sees the agent's own text. Its functions that read files of the machine (`upload_file`) are left out.

Source: the functions are BrowserGym's (`browsergym.core.action.functions`, 0.14).
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

LONGEST_TEXT = 4_000
LONGEST_LIST = 20
LONGEST_NUMBER = 12  # characters
LONGEST_WAIT = 5_000  # milliseconds
_NAME = re.compile(r"\s*([a-z_]{1,40})\s*\(")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?")
_KEYWORD = re.compile(r"([a-z_]{1,40})\s*=\s*(?!=)")
_WORDS: dict[str, Any] = {"True": True, "False": False}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[\\'\"nrt\n])")
_STRING = re.compile(r"'((?:[^'\\\n]|\\.|\\\n)*)'|\"((?:[^\"\\\n]|\\.|\\\n)*)\"", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "\n": "", "\\": "\\", "'": "'", '"': '"'}
_KEY = re.compile(r"(?:(?:Shift|Control|Alt|Meta|ControlOrMeta)\+){0,3}(?:[A-Z][A-Za-z0-9]{0,20}|\S)")


class Parameter(NamedTuple):
    """A parameter of a function.

    Attributes:
        name: of the parameter.
        kind: what it takes, one of `KINDS`.
        needed: it must be given.
    """

    name: str
    kind: str
    needed: bool = True


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= 1e6


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_url(value: Any) -> bool:
    if not _is_text(value) or not str(value).isprintable() or "\\" in value:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bid": (
        lambda value: isinstance(value, str) and re.fullmatch(r"[a-zA-Z]{0,12}\d{1,7}", value) is not None,
        "the id of an element in quotes, such as 'a46'",
    ),
    "text": (_is_text, f"a text in quotes, of at most {LONGEST_TEXT:,} characters"),
    "texts": (lambda value: _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_text, value))), "a text in quotes, or a list of them"),
    "number": (_is_number, "a number up to a million"),
    "wait": (lambda value: _is_number(value) and 0 <= value <= LONGEST_WAIT, f"milliseconds, at most {LONGEST_WAIT:,}"),
    "whole": (lambda value: type(value) is int and 0 <= value < 100, "a whole number from 0 on"),
    "flag": (lambda value: isinstance(value, bool), "True or False"),
    "button": (lambda value: value in ("left", "middle", "right"), '"left", "middle" or "right"'),
    "modifiers": (
        lambda value: isinstance(value, list) and all(key in ("Alt", "Control", "ControlOrMeta", "Meta", "Shift") for key in value),
        'a list of "Alt", "Control", "ControlOrMeta", "Meta" and "Shift"',
    ),
    "key": (lambda value: isinstance(value, str) and _KEY.fullmatch(value) is not None, 'a key such as "Enter" or "Control+a"'),
    "url": (_is_url, "an http or https address in quotes"),
}
_X_Y = (Parameter("x", "number"), Parameter("y", "number"))
_BUTTON = Parameter("button", "button", False)
_CLICK = (Parameter("bid", "bid"), _BUTTON, Parameter("modifiers", "modifiers", False))
_BID = (Parameter("bid", "bid"),)
FUNCTIONS: dict[str, tuple[Parameter, ...]] = {
    "noop": (Parameter("wait_ms", "wait", False),),
    "click": _CLICK,
    "dblclick": _CLICK,
    "hover": _BID,
    "focus": _BID,
    "clear": _BID,
    "fill": (Parameter("bid", "bid"), Parameter("value", "text"), Parameter("enable_autocomplete_menu", "flag", False)),
    "select_option": (Parameter("bid", "bid"), Parameter("options", "texts")),
    "press": (Parameter("bid", "bid"), Parameter("key_comb", "key")),
    "drag_and_drop": (Parameter("from_bid", "bid"), Parameter("to_bid", "bid")),
    "scroll": (Parameter("delta_x", "number"), Parameter("delta_y", "number")),
    "scroll_at": (*_X_Y, Parameter("dx", "number"), Parameter("dy", "number")),
    "mouse_move": _X_Y,
    "mouse_up": (*_X_Y, _BUTTON),
    "mouse_down": (*_X_Y, _BUTTON),
    "mouse_click": (*_X_Y, _BUTTON),
    "mouse_dblclick": (*_X_Y, _BUTTON),
    "mouse_drag_and_drop": tuple(Parameter(name, "number") for name in ("from_x", "from_y", "to_x", "to_y")),
    "keyboard_press": (Parameter("key", "key"),),
    "keyboard_up": (Parameter("key", "key"),),
    "keyboard_down": (Parameter("key", "key"),),
    "keyboard_type": (Parameter("text", "text"),),
    "keyboard_insert_text": (Parameter("text", "text"),),
    "goto": (Parameter("url", "url"),),
    "go_back": (),
    "go_forward": (),
    "new_tab": (),
    "tab_close": (),
    "tab_focus": (Parameter("index", "whole"),),
    "send_msg_to_user": (Parameter("text", "text"),),
    "report_infeasible": (Parameter("reason", "text"),),
}
FORMS = "\n".join(f"{name}({', '.join(each.name if each.needed else f'[{each.name}]' for each in parameters)})" for name, parameters in FUNCTIONS.items())


class NoCall(ValueError):  # noqa: N818 - it is what the text is: no call
    """A text that is no call of a known function; the message says why."""


def read_call(text: str) -> str:
    r"""A call as BrowserGym is given it, written anew from what was read.

    >>> read_call('fill("12", \'a "b"\', enable_autocomplete_menu=True)')
    'fill(\'12\', \'a "b"\', enable_autocomplete_menu=True)'

    Args:
        text: what the agent wrote: one call, also in a fence or after lines of thought.

    Raises:
        NoCall: it is none.
    """
    lines = [line for line in text.strip().splitlines() if not line.strip().startswith("```")]
    call = lines[-1].strip() if lines else ""
    if any((begun := _NAME.match(line)) and begun[1] in FUNCTIONS and line.rstrip().endswith(")") for line in lines[:-1]):
        raise NoCall("a step is one call, and there are several here")
    begun = _NAME.match(call)
    if begun is None or begun[1] not in FUNCTIONS:
        raise NoCall(f"an action is one call of: {', '.join(FUNCTIONS)}")
    name, parameters = begun[1], FUNCTIONS[begun[1]]
    values, named = _arguments(call, begun.end())
    given = dict(zip((each.name for each in parameters), values, strict=False))
    if len(values) > len(parameters) or any(key in given for key in named):
        raise NoCall(_form(name))
    given |= named
    known = {each.name: each for each in parameters}
    if any(key not in known for key in given) or any(each.needed and each.name not in given for each in parameters):
        raise NoCall(_form(name))
    for key, value in given.items():
        fits, wanted = KINDS[known[key].kind]
        if not fits(value):
            raise NoCall(f"{key} of {name} is {wanted}")
    written = [repr(given[each.name]) if each.needed else f"{each.name}={given[each.name]!r}" for each in parameters if each.name in given]
    return f"{name}({', '.join(written)})"


def _form(name: str) -> str:
    return f"write: {name}({', '.join(each.name if each.needed else f'[{each.name}=...]' for each in FUNCTIONS[name])})"


def _arguments(text: str, place: int) -> tuple[list[Any], dict[str, Any]]:
    """What stands in the brackets of a call: values, then values with names."""
    values, named = list[Any](), dict[str, Any]()
    place = _past_space(text, place)
    while text[place : place + 1] != ")":
        keyword = _KEYWORD.match(text, place)
        if keyword is None and named:
            raise NoCall("arguments with names stand after the others")
        value, place = _value(text, keyword.end() if keyword else place)
        if keyword is None:
            values.append(value)
        elif keyword[1] in named:
            raise NoCall(f"{keyword[1]} is given twice")
        else:
            named[keyword[1]] = value
        place = _next(text, place, ")")
    if text[place + 1 :].strip():
        raise NoCall("a step is one call, and nothing follows it")
    return values, named


def _value(text: str, place: int, *, inside: bool = False) -> tuple[Any, int]:
    """A literal, and where it ends."""
    if found := _STRING.match(text, place):
        return _unescaped(found[1] if found[1] is not None else found[2]), found.end()
    if found := _NUMBER.match(text, place):
        if len(found[0]) > LONGEST_NUMBER:
            raise NoCall("a number has too many digits")
        return float(found[0]) if "." in found[0] else int(found[0]), found.end()
    for word, value in _WORDS.items():
        if text.startswith(word, place):
            return value, place + len(word)
    if text[place : place + 1] == "[" and not inside:
        values, place = list[Any](), _past_space(text, place + 1)
        while text[place : place + 1] != "]":
            if len(values) >= LONGEST_LIST:
                raise NoCall(f"a list has at most {LONGEST_LIST} elements")
            value, place = _value(text, place, inside=True)
            values.append(value)
            place = _next(text, place, "]")
        return values, place + 1
    raise NoCall("an argument is a text in quotes, a number, True, False, or a list of them")


def _next(text: str, place: int, end: str) -> int:
    """The beginning of the next element, or the end."""
    place = _past_space(text, place)
    if text[place : place + 1] == ",":
        return _past_space(text, place + 1)
    if text[place : place + 1] != end:
        raise NoCall("the call is not closed, or a comma is missing")
    return place


def _past_space(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place


def _unescaped(text: str) -> str:
    if len(text) > 2 * LONGEST_TEXT:
        raise NoCall(f"a text has at most {LONGEST_TEXT:,} characters")
    plain = _ESCAPE.sub(lambda found: _PLAIN[found[1]] if found[1] in _PLAIN else chr(int(found[1][1:], 16)), text)
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise NoCall("a text holds surrogates that no encoding can write") from None
    return plain
