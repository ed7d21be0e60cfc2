"""The command lines of a page: those in its blocks, as they are typed, and those that its sentences name."""

import re
import shlex
from typing import NamedTuple

from markdown_it import MarkdownIt

TYPED = {"", "sh", "bash", "shell", "console"}  # languages of blocks whose lines are commands, or may be
_COMMENT = re.compile(r"""((?:[^'"#]|'[^']*'|"[^"]*"|(?<=\S)\#)*)(?:\#(.*))?""", re.DOTALL | re.VERBOSE)
_PROGRAM = re.compile(r"(prm-gym|python3?|torchrun|make)$")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


class Line(NamedTuple):
    """A command: its words, what its comment names, where it stands, and whether it is whole or named in a sentence."""

    words: tuple[str, ...]
    comment: str
    line: int
    whole: bool

    @property
    def mentioned(self):
        """The options that its comment names."""
        return _OPTION.findall(self.comment)


def lines_of(text):
    """Every command of a page that begins with a program of this project."""
    found = []
    for token in MarkdownIt().parse(text):
        if token.type == "code_block" or (token.type == "fence" and token.info.partition(" ")[0] in TYPED):
            at = token.map[0] + 1 + (token.type == "fence")
            found += [line for offset, typed in _joined(token.content) for line in _commands(typed, at + offset, whole=True)]
        for child in token.children or ():
            if child.type == "code_inline" and _PROGRAM.match(child.content.partition(" ")[0]):
                found += _commands(child.content, token.map[0] + 1, whole=False)
    return found


def options_named(text):
    """The options that stand alone in the sentences of a page, as `--json`, with their lines."""
    codes = ((child.content, token.map[0] + 1) for token in MarkdownIt().parse(text) for child in token.children or () if child.type == "code_inline")
    return [(name, line) for content, line in codes if content.startswith("--") for name in _OPTION.findall(content)]


def _joined(block):
    """The lines of a block without their prompts, a line with its continuations as one."""
    whole, begun = "", 0
    for number, line in enumerate(block.splitlines()):
        begun = begun if whole else number
        whole += line.strip().removeprefix("$ ")
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield begun, whole
        whole = ""


def _commands(typed, line, whole):
    """The commands of a line, of those that begin with a program of ours."""
    code, comment = _COMMENT.match(typed).groups()
    if not re.search(r"(^|\s|/)(prm-gym|prm_gym|benchmarks/\S+\.py|make)\b", code):
        return
    lexer = shlex.shlex(code, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words = []
    for word in [*lexer, ";"]:
        if not re.fullmatch(r"[();<>|&]+", word):
            words.append(word)
            continue
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        words = words[3:] if words[:2] == ["taskset", "-c"] else words
        if words and _PROGRAM.match(words[0]):
            yield Line(tuple(words), comment or "", line, whole)
        words = [""] if re.match("[<>]", word) else []  # what stands behind an arrow is a file
