"""How the candidate policy reads a page: what each action is on, and how that stands to the task.

A page is an observation with lines such as `[12] button "Add to cart"`; an action on one of them names it: `click [12] button "Add to cart"`. Names of things
are other ones in every task, so what is read is how the texts in quotes stand to the first line (the task), and the words themselves where they are no name:

- numbers in brackets are dropped: they are other ones on every page;
- a text in quotes is `=whole` where it stands in the task, `=all` where all of its words do, `=some` or `=none`; a longer one that stands there is not spelt;
- an element is looked up on the page: its states, and how many words of the task stand above it, up to its heading or to another one of its name;
- so is an answer: the two words before it on its line, and how many of the task are on it and above it;
- the page itself is its path, its title, what it says above its first heading, and how many fields hold a text of the task.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

ELEMENT = re.compile(r'^\[(\d+)\] (\w+) "', re.MULTILINE)
_REF = re.compile(r"\[(\d+)\]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HELD = re.compile(r'^\[\d+\] (?:textbox|searchbox|combobox) "(?:[^"\\]|\\.)*" value "((?:[^"\\]|\\.)+)"', re.MULTILINE)
_HEAD = ("title: ", "url: ", "tabs: ")
_WORD = re.compile(r"\w+")
_FEW = frozenset(["a", "an", "and", "as", "at", "by", "for", "from", "i", "in", "is", "it", "me", "my", "of", "on", "or", "the", "to", "was", "which", "with"])
ROW = 8  # lines above an element that are looked at, at most
WORDS_OF_TASK, WORDS_OF_TITLE, WORDS_SAID = 10, 6, 12


@dataclass(frozen=True, slots=True)
class Page:
    """What an observation says to all of its actions.

    Attributes:
        task: the words of the task, with a space before, between and after them.
        words: its words that say something.
        text: of the page.
        lines: of the page.
        places: line of each element, by number.
        context: the page in tokens.
    """

    task: str
    words: frozenset[str]
    text: str
    lines: tuple[str, ...]
    places: dict[str, int]
    context: tuple[str, ...]


def is_page(observation: str) -> bool:
    """Whether an observation has a line of an element."""
    return ELEMENT.search(observation) is not None


@lru_cache(maxsize=1 << 16)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def page_of(observation: str) -> Page:
    """The page in an observation.

    Args:
        observation: its first line is the task.
    """
    first, *lines = observation.split("\n")
    task = _words(first)
    spelt, words = f" {' '.join(task)} ", frozenset(task) - _FEW
    places: dict[str, int] = {}
    for place, line in enumerate(lines):
        if line.startswith("[") and (found := _REF.match(line)):
            places[found[1]] = place
    said = ["error"] if lines and lines[0].startswith("Error: ") else []
    for line in lines:
        if line.startswith("url: "):
            path = re.sub(r"\A\w+://[^/]*", "", line[5:]).partition("?")[0]
            said += ["/", *(word for word in _words(path) if not any(letter.isdigit() for letter in word))]
        elif line.startswith("title: "):
            said += [_standing(line[7:].rpartition(" - ")[0] or line[7:], spelt, words), *_masked(line[7:], words)[:WORDS_OF_TITLE]]
        elif line.startswith("# "):
            break
        elif line.startswith("- "):
            said += ["-", *_masked(line, words)[:WORDS_SAID]]
    held = sum(len(value) > 1 and _standing(value, spelt, words) == "=whole" for value in _HELD.findall(observation))
    return Page(spelt, words, observation.partition("\n")[2], tuple(lines), places, ("|", f"held{min(held, 4)}", *said[:24], "?", *task[1 : 1 + WORDS_OF_TASK]))


def _masked(text: str, words: frozenset[str]) -> list[str]:
    """The words of a text; those of the task are left blank."""
    return ["_" if word in words else word for word in _words(text)]


def _standing(text: str, task: str, words: frozenset[str]) -> str:
    """How a text stands to the task."""
    own = _words(text)
    if not own:
        return "=empty"
    if f" {' '.join(own)} " in task:
        return "=whole"
    found = sum(word in words for word in own)
    return "=all" if found == len(own) else "=some" if found else "=none"


def tokens_of(page: Page, action: str) -> tuple[list[str], int]:
    """An action in tokens, with the page after it.

    Args:
        page: where it is to be done.
        action: its text.

    Returns:
        The tokens, and how many of them are the action's.
    """
    texts = _QUOTED.findall(action)
    kind = _words(_QUOTED.sub(" ", _REF.sub(" ", action)))
    standing = [_standing(text, page.task, page.words) for text in texts]
    ref = _REF.search(action)
    near = _row(page, page.places.get(ref[1])) if ref is not None else _told(page, texts[0]) if texts else []
    tokens = [*kind[:1], *kind[-1:], *standing, *near]
    for text, how in zip(texts, standing, strict=True):
        own = _words(text)
        tokens += ['"', "_"] if how == "=whole" and (len(own) > 2 or any(letter.isdigit() for letter in text)) else ['"', *own[:8]]
    return [*tokens, *page.context], len(tokens)


def _row(page: Page, place: int | None) -> list[str]:
    """The states of an element, and how many words of the task stand above it."""
    if place is None:
        return ["+?"]
    states = page.lines[place].rpartition('"')[2].split()
    return [*(state for state in states if state != "focused"), _above(page, place)]


def _above(page: Page, place: int) -> str:
    """How many words of the task stand above a line, as far up as the heading or another element of its name."""
    line = page.lines[place]
    name, found = line.partition("] ")[2] if line[0] == "[" else line, set[str]()
    for other in reversed(page.lines[max(0, place - ROW) : place]):
        if other.startswith(_HEAD) or other.endswith(name):
            break
        found.update(page.words.intersection(_words(other)))
        if other.startswith("# "):
            break
    return f"+{min(len(found), 3)}"


def _told(page: Page, text: str) -> list[str]:
    """Where a text stands on the page: how many words of the task are on its line beside it, and above it, and the two words before it."""
    own = _words(text)
    best, where, before = -1, 0, list[str]()
    if not own or text not in page.text:
        return ["@-"]
    for place, line in enumerate(page.lines):
        if text not in line or line.startswith(_HEAD):
            continue
        words = _words(_REF.sub("", line, count=1) if line[0] == "[" else line)
        if own[0] in words and (count := len(page.words.intersection(words).difference(own))) > best:
            best, where, before = count, place, [word for word in words[: words.index(own[0])] if not word.isdecimal()]
    return ["@-"] if best < 0 else [f"@{min(best, 3)}", _above(page, where), *before[-2:]]
