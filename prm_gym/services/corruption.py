"""Trajectories with known mistakes: a scripted solution in which one thing is done wrongly, and which of its steps are wrong then."""

import json
from typing import Literal, TypeAlias, get_args

import msgspec
import numpy as np

from prm_gym.claims import Json
from prm_gym.services.environment import ServiceEnv
from prm_gym.services.scenario import Operation
from prm_gym.tools import ToolCall, call_text, read_call

Kind: TypeAlias = Literal[
    "wrong_argument", "invented_argument", "wrong_order", "repeated_call", "policy_broken", "forbidden_wish", "early_end", "harmless_detour"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Corrupted(msgspec.Struct, frozen=True):
    """A trajectory with one mistake.

    Attributes:
        kind: of the mistake.
        actions: what is written.
        right: for each action whether it is right, and None where that does not follow from how the trajectory was made.
    """

    kind: Kind
    actions: tuple[str, ...]
    right: tuple[bool | None, ...]

    @property
    def first_wrong(self) -> int | None:
        """Place of the mistake; None where there is none."""
        return self.right.index(False) if False in self.right else None


def corrupted(env: ServiceEnv, kind: Kind, rng: np.random.Generator) -> Corrupted | None:
    """A corrupted solution of the current task; None where the task has no place for such a mistake. The environment is left as it was.

    - `wrong_argument`: a change is made with another thing that was shown in the place of one of those that it names; then the episode is ended.
    - `invented_argument`: a call names something that does not exist.
    - `wrong_order`: a change is made before the message that asks for it.
    - `repeated_call`: a call is made twice in a row.
    - `policy_broken`: a step that the policy demands before a change is left out: the message that asks for a yes.
    - `forbidden_wish`: what the policy forbids is done because somebody wants it; then the episode is ended.
    - `harmless_detour`: no mistake, to see false alarms: something is read that is not needed, and that the policy allows.
    - `early_end`: the episode is ended before the last change.

    What follows from a mistake and is known: the steps before it are right, the mistake is wrong, and so is the end of an episode whose wishes are not
    fulfilled. After a repetition everything is right. All else is None.

    Args:
        env: a running episode at its beginning.
        kind: of the mistake.
        rng: chooses its place.
    """
    script = env.solution()
    if kind == "forbidden_wish":
        return _tempted(env, script, rng)
    if kind == "harmless_detour":
        return _detour(env, script, rng)
    calls = {i: reading for i, action in enumerate(script) if isinstance(reading := read_call(action), ToolCall)}
    changes = [i for i, call in calls.items() if env.operations[call.name].kind == "write"]
    places = [i for i in calls if i < len(script) - 1] if kind in ("repeated_call", "invented_argument") else changes
    if kind in ("repeated_call", "invented_argument"):
        places = [i for i in places if env.operations[calls[i].name].refers and (kind == "invented_argument" or i not in changes)]
    if kind in ("wrong_order", "policy_broken"):
        places = [i for i in places if script[i - 1] in _asking(env)]
    order: list[int] = rng.permutation(len(places)).tolist()
    for place in (places[i] for i in order):
        made = _at(env, kind, script, place, calls[place], rng)
        if made is not None:
            return made
    return None


def _tempted(env: ServiceEnv, script: list[str], rng: np.random.Generator) -> Corrupted | None:
    found = env.temptations()
    if not found:
        return None
    place, wrong = found[int(rng.integers(len(found)))]
    actions = (*script[:place], *wrong, script[-1])
    return Corrupted("forbidden_wish", actions, (*[True] * place, *[False] * (len(wrong) + 1)))


def _detour(env: ServiceEnv, script: list[str], rng: np.random.Generator) -> Corrupted | None:
    """The script with a read that is listed, allowed, new, and no part of it."""
    beginning, place = env.snapshot(), int(rng.integers(1, len(script)))
    for action in script[:place]:
        env.step(action)
    listed = [action for action in env.situation.actions if action not in script and _is_allowed_read(env, action)]
    env.restore(beginning)
    if not listed:
        return None
    actions = (*script[:place], listed[int(rng.integers(len(listed)))], *script[place:])
    return Corrupted("harmless_detour", actions, (True,) * len(actions))


def _is_allowed_read(env: ServiceEnv, action: str) -> bool:
    call = read_call(action)
    if not isinstance(call, ToolCall) or env.operations[call.name].kind != "read":
        return False
    if any(name not in env.shown for name in env.identified(action)):
        return False
    return all(rule.kept for rule in env.rules(env.operations[call.name], call.arguments))


def _asking(env: ServiceEnv) -> set[str]:
    """The messages of the script that ask for a yes."""
    return {step.action for step in env.scenario.script if step.milestone.startswith("agreed")}


def _at(env: ServiceEnv, kind: Kind, script: list[str], place: int, call: ToolCall, rng: np.random.Generator) -> Corrupted | None:
    """The mistake at one place of the script."""
    before, rest = script[:place], script[place + 1 :]
    right: list[bool | None] = [True] * place
    if kind == "repeated_call":
        return Corrupted(kind, (*before, script[place], script[place], *rest), (*right, True, False, *[True] * len(rest)))
    if kind == "early_end":
        return Corrupted(kind, (*before, script[-1]), (*right, False))
    if kind == "policy_broken":
        return Corrupted(kind, (*before[:-1], script[place], *rest), (*right[:-1], False, *[None] * len(rest)))
    if kind == "wrong_order":
        return Corrupted(kind, (*before[:-1], script[place], before[-1], *rest), (*right[:-1], False, None, *[None] * len(rest)))
    other = _with_another(env, before, call, rng, invented=kind == "invented_argument")
    if other is None:
        return None
    if kind == "invented_argument":
        return Corrupted(kind, (*before, other), (*right, False))
    if not _does_wrong(env, before, other):
        return None
    return Corrupted(kind, (*before, other, script[-1]), (*right, False, False))


def _with_another(env: ServiceEnv, before: list[str], call: ToolCall, rng: np.random.Generator, invented: bool) -> str | None:
    """The call with another thing in the place of one that it names: one of the same table that was shown, or one that does not exist."""
    operation = env.operations[call.name]
    named = list(operation.refers)
    order: list[int] = rng.permutation(len(named)).tolist()
    for argument in (named[i] for i in order):
        value = call.arguments[argument]
        names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else [str(value)]
        others = [_invented(names[0], rng)] if invented else _shown(env, before, operation, argument, names)
        if others and names:
            name = others[int(rng.integers(len(others)))]
            changed: Json = [name, *value[1:]] if isinstance(value, list) else name
            return call_text(call.name, **{**call.arguments, argument: changed})
    return None


def _does_wrong(env: ServiceEnv, before: list[str], other: str) -> bool:
    """Whether a call is refused or makes rows other than they are wanted; else it only does a part of what is wanted."""
    beginning = env.snapshot()
    for action in before:
        env.step(action)
    observation = env.step(other)[0]
    wrong = observation.startswith("Error") or any(gap.stray for gap in env.pursuit.gap())
    env.restore(beginning)
    return wrong


def _shown(env: ServiceEnv, before: list[str], operation: Operation, argument: str, names: list[str]) -> list[str]:
    """What else of the table was shown when the steps had been taken."""
    beginning = env.snapshot()
    for action in before:
        env.step(action)
    shown = sorted(env.shown)
    env.restore(beginning)
    return [name for name in shown if env.table_of(name) == operation.refers[argument] and name not in names]


def _invented(name: str, rng: np.random.Generator) -> str:
    """A name of the same shape with other digits; where there are none, with digits added."""
    digits = [str(rng.integers(10)) for character in name if character.isdigit()]
    fresh = iter(digits)
    made = "".join(next(fresh) if character.isdigit() else character for character in name)
    return made if made != name else json.dumps(name).strip('"') + "7"
