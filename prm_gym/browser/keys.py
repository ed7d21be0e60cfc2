"""Keys and the pointer, as commands of the DevTools protocol."""

from typing import Any, TypeAlias

Command: TypeAlias = tuple[str, dict[str, Any]]

_CODES: dict[str, tuple[str, int, str]] = {  # key: code, number, text
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Tab": ("Tab", 9, ""),
    "Backspace": ("Backspace", 8, ""),
    "Delete": ("Delete", 46, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "Home": ("Home", 36, ""),
    "End": ("End", 35, ""),
    "PageUp": ("PageUp", 33, ""),
    "PageDown": ("PageDown", 34, ""),
}
_MODIFIERS = {"Alt": (1, "AltLeft", 18), "Control": (2, "ControlLeft", 17), "Meta": (4, "MetaLeft", 91), "Shift": (8, "ShiftLeft", 16)}
_EDITING = {"a": "selectAll", "c": "copy", "x": "cut", "z": "undo", "y": "redo"}  # "v" is left out: what it pastes is not the page's own


def key_commands(pressed: str) -> list[Command]:
    """A key with its modifiers, such as "Control+a", pressed and let go."""
    *modifiers, key = pressed.split("+") if not pressed.endswith("+") else [*pressed[:-1].rstrip("+").split("+"), "+"]
    modifiers = [modifier for modifier in modifiers if modifier in _MODIFIERS]
    bits = sum({_MODIFIERS[modifier][0] for modifier in modifiers})
    code, number, text = _code(key)
    character = " " if key == "Space" else key
    if bits & ~8:  # with Control, Alt or Meta a key writes nothing
        text = ""
    elif bits & 8 and len(text) == 1:
        text = character = character.upper() if len(character) == 1 else character
    held = 0
    commands: list[Command] = []
    for modifier in modifiers:
        held |= _MODIFIERS[modifier][0]
        commands.append(_key("rawKeyDown", modifier, *_MODIFIERS[modifier][1:], held))
    down = _key("keyDown" if text else "rawKeyDown", character, code, number, bits)
    if text:
        down[1].update(text=text, unmodifiedText=text)
    if bits == 2 and key.lower() in _EDITING:
        down[1]["commands"] = [_EDITING[key.lower()]]
    commands += [down, _key("keyUp", character, code, number, bits)]
    for modifier in reversed(modifiers):
        held &= ~_MODIFIERS[modifier][0]
        commands.append(_key("keyUp", modifier, *_MODIFIERS[modifier][1:], held))
    return commands


def click_commands(x: float, y: float, count: int = 1) -> list[Command]:
    """The left button pressed and let go at a point, `count` times."""
    return [pointer(kind, x, y, click) for click in range(1, count + 1) for kind in ("mousePressed", "mouseReleased")]


def pointer(kind: str, x: float, y: float, count: int = 0, held: int = 0) -> Command:
    """What happens with the pointer at a point; `held` is 1 while the left button is down."""
    button = "left" if kind != "mouseMoved" or held else "none"
    return ("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": button, "buttons": 1 if kind == "mousePressed" else held, "clickCount": count})


def _code(key: str) -> tuple[str, int, str]:
    if key in _CODES:
        return _CODES[key]
    if key == "Space":
        return "Space", 32, " "
    if key.isascii() and key.isalpha():
        return f"Key{key.upper()}", ord(key.upper()), key
    if key.isascii() and key.isdigit():
        return f"Digit{key}", ord(key), key
    return "", 0, key


def _key(kind: str, key: str, code: str, number: int, bits: int) -> Command:
    return (
        "Input.dispatchKeyEvent",
        {"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number, "modifiers": bits},
    )
