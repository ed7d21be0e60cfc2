"""What every command needs: options in, records out."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.plugins import split_options


def read_options(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that is JSON is read as JSON, any other is text."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise OptionError(f"an option is written NAME=VALUE, got {pair!r}")
        try:
            options[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            options[name] = value
    return options


def read_env_options(pairs: Sequence[str], verifiers: Sequence[str]) -> dict[str, Any]:
    """Options of an environment, with the verifiers that are named beside them.

    Raises:
        OptionError: the verifiers are named twice.
    """
    options = read_options(pairs)
    if verifiers and "verifiers" in options:
        raise OptionError("verifiers are named by --verifier or by --env-option verifiers=[...], not by both")
    return {**options, "verifiers": list(verifiers)} if verifiers else options


def read_names(text: str) -> tuple[str, ...]:
    """Names with commas between them; a comma in brackets belongs to a name.

    >>> read_names("grpo, zero_variance|gigpo?gamma=0.9"), read_names("outcome,dense?verifier=all(arithmetic, z3)")
    (('grpo', 'zero_variance|gigpo?gamma=0.9'), ('outcome', 'dense?verifier=all(arithmetic, z3)'))

    Raises:
        OptionError: there is none, one is named twice, or a bracket is not closed.
    """
    names, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            names.append("")
        else:
            names[-1] += letter
    if depth:
        raise OptionError(f"the brackets do not match in {text!r}")
    found = tuple(name.strip() for name in names if name.strip())
    if not found:
        raise OptionError(f"expected names with commas between them, got {text!r}")
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise OptionError(f"{', '.join(twice)} stands twice in {text!r}")
    return found


def resolved(agent: str) -> str:
    """The specification of an agent; the folder of a saved one by its whole path, so that the same command finds the same run from anywhere.

    `{seed}` in a path stands for the seed of a run, whose folder is looked for when the run begins.

    Raises:
        CheckpointError: it is a path, and no agent lies there.
    """
    from prm_gym.agent import AGENTS, find_saved

    path = split_options(agent)[0]
    if path.partition(":")[0] in AGENTS.names() or ("{seed}" not in path and find_saved(agent) is None):
        return agent
    return f"{Path(path).expanduser().resolve()}{agent.removeprefix(path)}"


def command_line() -> str:
    """The command that is running, as it can be given again."""
    return shlex.join(["prm-gym", *sys.argv[1:]])


def require_seed(seed: int) -> None:
    """Raise unless it is a seed.

    Raises:
        OptionError: it is negative.
    """
    if seed < 0:
        raise OptionError(f"a seed is an integer from 0 on, got {seed}")


def print_records(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print records as JSON, or each as a heading (its first field) with the rest below."""
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    for row in rows:
        (_, heading), *fields = row.items()
        print(seen(heading) if fields and isinstance(heading, str) else "")
        for name, value in row.items() if not isinstance(heading, str) else fields:
            if value not in ("", None, [], {}):
                print(seen(f"    {name}: {_plainly(value)}"))


def seen(text: str) -> str:
    """A text for a terminal: letters that would steer it, or that are not seen, are named. Names of stored files are anybody's."""
    return text if text.isprintable() else "".join(each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text)


def _plainly(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} {count}" for key, count in cast("dict[str, Any]", value).items())
        case [dict(), *_]:
            return "".join(f"\n        {_described(**item)}" for item in cast("list[dict[str, Any]]", value))
        case list():
            return ", ".join(str(item) for item in cast("list[Any]", value))
        case float():
            return f"{value:.3f}"
        case _:
            return str(value)


def _described(name: str, default: str, meaning: str) -> str:
    """An option on one line."""
    shown = f"{name} ({default})" if default == "required" else f"{name}={default}" if default else name
    return f"{shown}: {meaning}" if meaning else shown
