"""Rubrics that a chat model is asked about: what a step is held against, as sentences in files that anybody can write.

(Rubrics of checks that programs make, without a model, are another thing: `rubric:FILE`, see `prm_gym.rubric`.)

A file (TOML or JSON) names criteria that every step is held against and, if one likes, skills with criteria of their own, among which a router chooses for
each step:

    name = "maths"
    about = "steps of written mathematics"

    [[criteria]]
    name = "calculation"
    ask = "Every calculation in the step is right."
    weight = 2.0        # 1 unless given
    gate = true         # where it fails the step is worth 0, whatever the rest says

    [[skills]]
    name = "casework"
    when = "the step distinguishes cases"

    [[skills.criteria]]
    name = "exhaustive"
    ask = "No case is missing."

"maths", "tools", "web" and "code" come with the package.
"""

import json
import re
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import msgspec

from prm_gym.chains import Chain
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.tools import lists_tools

BUNDLED = ("code", "maths", "tools", "web")
_NAME = re.compile(r"[A-Za-z][\w-]{0,39}\Z", re.ASCII)
_LONGEST = 1000  # characters of a criterion
_ELEMENT = re.compile(r"^\s*\[\d+\] (?:link|button|textbox|searchbox|checkbox|radio|combobox|tab|option|menuitem|heading)\b", re.MULTILINE)


class AskedCriterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is asked of a step.

    Attributes:
        name: unique in its rubric.
        ask: a sentence that holds for a good step.
        weight: above 0.
        gate: where it does not hold, the step is worth nothing.
    """

    name: str
    ask: str
    weight: float = 1.0
    gate: bool = False


class Skill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of step, with criteria of its own.

    Attributes:
        name: unique in its rubric.
        when: how the router knows it.
        criteria: asked of such steps, beside those of all.
    """

    name: str
    when: str
    criteria: tuple[AskedCriterion, ...]


class AskedRubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Criteria and skills.

    Attributes:
        name: for evidence.
        about: what it is for.
        criteria: asked of every step.
        skills: of which each step uses one, or none.
    """

    name: str
    about: str = ""
    criteria: tuple[AskedCriterion, ...] = ()
    skills: tuple[Skill, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be asked or read.

        Raises:
            OptionError: names that stand twice or cannot be a name, an empty criterion, a weight that is none.
        """
        names = [skill.name for skill in self.skills]
        if not self.criteria and not self.skills:
            raise OptionError(f"the rubric {self.name!r} has neither criteria nor skills")
        if len(set(names)) < len(names) or any(not _NAME.match(name) or name.lower() == "none" for name in names):
            raise OptionError(f"skills of the rubric {self.name!r} have distinct names of letters, digits, _ and -, not 'none'; got {names}")
        for skill in self.skills or (None,):
            criteria = (*self.criteria, *(skill.criteria if skill is not None else ()))
            asked = [criterion.name for criterion in criteria]
            if not asked or len(set(asked)) < len(asked) or any(not _NAME.match(name) for name in asked):
                where = f"with the skill {skill.name!r} " if skill is not None else ""
                raise OptionError(f"criteria of the rubric {self.name!r} {where}have distinct names of letters, digits, _ and -; got {asked}")
            for criterion in criteria:
                if not 0 < len(criterion.ask.strip()) <= _LONGEST or not 0 < criterion.weight < 1e6:
                    raise OptionError(f"the criterion {criterion.name!r} of the rubric {self.name!r} needs a sentence to ask and a weight above 0")


def load_rubric(source: str | Path) -> AskedRubric:
    """A rubric that comes with the package, or one of a file.

    Args:
        source: "code", "maths", "tools" or "web", or a path that ends with .toml or .json.

    Raises:
        UnknownNameError: there is no rubric of that name.
        OptionError: the file cannot be read, or is no rubric; names it.
    """
    if str(source) in BUNDLED:
        return _bundled(str(source))
    path = Path(source)
    if path.suffix.lower() not in (".toml", ".json"):
        raise UnknownNameError("rubric", str(source), [*BUNDLED, "a path that ends with .toml or .json"])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the rubric {path} cannot be read: {error}") from error
    return _parsed(text, path.suffix.lower(), str(path))


@cache
def _bundled(name: str) -> AskedRubric:
    return _parsed((resources.files("prm_gym.judging") / f"rubric_{name}.toml").read_text(encoding="utf-8"), ".toml", name)


def _parsed(text: str, suffix: str, where: str) -> AskedRubric:
    try:
        data: Any = tomllib.loads(text) if suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:  # of both formats
        raise OptionError(f"{where} is no rubric: {error}") from error
    try:
        return msgspec.convert(data, AskedRubric, strict=True)
    except ValueError as error:
        other = ". It is one of checks, which the verifier rubric:FILE makes; a chat model is asked sentences: `ask = ...` in place of `check`"
        raise OptionError(f"{where} is no rubric to ask a chat model about: {error}{other if _has_checks(data) else ''}") from error


def _has_checks(data: Any) -> bool:
    """Whether it is written for `prm_gym.rubric`."""
    listed: Any = cast("dict[str, Any]", data).get("criteria") if isinstance(data, dict) else None
    return isinstance(listed, list) and any(isinstance(each, dict) and "check" in each for each in cast("list[Any]", listed))


def fitting(chain: Chain) -> AskedRubric:
    """The rubric of ours for a chain: "web" where a page is seen or claimed, "tools" where tools are listed, else "maths".

    It is told by the problem, which the first page belongs to, and by claims of the environment; what the steps say, or make a tool say, has no part in it.
    """
    if _ELEMENT.search(chain.problem) or any(step.after or step.image for step in chain.steps):
        return load_rubric("web")
    return load_rubric("tools" if lists_tools(chain.problem) else "maths")
