"""Pages of what has no page for each (reward schemes, search methods, agents, protocols of judges, families of reward models), and of the command line."""

import contextlib
import inspect
import io
import os
from collections.abc import Generator, Iterable
from typing import Any

import msgspec

from prm_gym.agent import AGENTS
from prm_gym.cli import COMMANDS, main, overview
from prm_gym.errors import MissingExtraError
from prm_gym.judging.protocol import PROTOCOLS
from prm_gym.option_docs import OptionDoc, meanings_in, options_of
from prm_gym.plugins import Registry
from prm_gym.prm.families import FAMILIES
from prm_gym.rewards import REWARDS
from prm_gym.search.method import METHODS
from site_pages.writing import docstring, fenced, line, option_table

WIDTH = 110
REGISTRIES: tuple[tuple[str, str, str, Registry[Any]], ...] = (
    (
        "rewards",
        "Reward schemes",
        'What `step` returns: `reward="dense?penalty=0.5"`, `--reward outcome,dense`. Causal: only what is known at that step counts.',
        REWARDS,
    ),
    (
        "search_methods",
        "Search methods",
        '`Searcher(...).search("beam?width=4", ...)`, `prm-gym search --method beam,mcts`. [How to use them](../search.md).',
        METHODS,
    ),
    ("agents", "Agents", '`make_agent("mixed:0.5")`, `--agent mixed:0.5`. What stands after the colon is the first option.', AGENTS),
    ("judging", "Protocols of judges", "`judge:MODEL?protocol=NAME`: ways of asking a chat model about steps, and of reading what it answers.", PROTOCOLS),
    (
        "prm_families",
        "Families of process reward models",
        "`prm:PATH?family=NAME`: how a checkpoint wants its steps written, and where its scores are read.",
        FAMILIES,
    ),
)


def pages() -> dict[str, str]:
    """The pages by their places in the site."""
    found = {f"reference/{place}.md": _page(title, about, registry) for place, title, about, registry in REGISTRIES}
    return {**found, "reference/commands.md": _commands()}


def _page(title: str, about: str, registry: Registry[Any]) -> str:
    text = f"# {title}\n\n{about}\n"
    for name in registry.names():
        text += f"\n## {name}\n\n"
        try:
            factory = registry.load(name)
        except MissingExtraError as missing:
            text += f"Where this site was built, {line(str(missing))}\n"
            continue
        text += docstring(factory.__doc__, leave_out=["Attributes"])
        options = list(_options(factory))
        text += "\n" + option_table((option.name, option.default, option.meaning) for option in options) if options else ""
    return text


def _options(factory: Any) -> Iterable[OptionDoc]:
    """The options of a class, with the meanings that its own docstring gives them where it is a record."""
    if not _is_record(factory):
        return options_of(factory)
    meanings = meanings_in(inspect.getdoc(factory) or "")
    return [msgspec.structs.replace(option, meaning=option.meaning or meanings.get(option.name, "")) for option in options_of(factory)]


def _is_record(factory: Any) -> bool:
    return isinstance(factory, type) and issubclass(factory, msgspec.Struct)


def _commands() -> str:
    text = f"# Commands\n\n{fenced(overview())}"
    for group, commands in COMMANDS.items():
        text += f"\n## {group}\n"
        for name in commands:
            text += f"\n### prm-gym {name}\n\n{fenced(_help(name))}"
    return text


def _help(command: str) -> str:
    """What `--help` prints at a width that fits a page."""
    printed = io.StringIO()
    with _environment(COLUMNS=str(WIDTH), NO_COLOR="1"), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([command, "--help"])
    return printed.getvalue()


@contextlib.contextmanager
def _environment(**set_to: str) -> Generator[None]:
    """Variables of the environment with other values, put back at the end."""
    before = {name: os.environ.get(name) for name in set_to}
    os.environ.update(set_to)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
