"""What do rules of thumb earn that choose among the listed actions of the tool environments?

python benchmarks/tools/candidate_leaks/shortcuts.py [--tasks 60] [--envs prm_gym/SQL-v0,...]

Seeds 3000 to 3000 + tasks - 1 at every level. No rule takes an action twice in one situation, as long as there is another one. Environments that list no
actions at the beginning are not played.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

import prm_gym
from prm_gym.env import StepEnv, option_names
from prm_gym.tools import ToolCall, read_call

ENVS = (
    "prm_gym/Calendar-v0",
    "prm_gym/CodeSteps-v0",
    "prm_gym/Retail-v0",
    "prm_gym/SQL-v0",
    "prm_gym/Search-v0",
    "prm_gym/Tables-v0",
    "prm_gym/TraceSteps-v0",
)
WORD = re.compile(r"\w+")


class Listed(NamedTuple):
    """A listed action, and what an agent has before it.

    Attributes:
        action: its text.
        place: in the list.
        alike: how many of the listed ones call its tool.
        question: the first observation.
        seen: the last one.
    """

    action: str
    place: int
    alike: int
    question: str
    seen: str


RULES: dict[str, Callable[[Listed], float]] = {
    "first": lambda one: -one.place,
    "last": lambda one: one.place,
    "longest": lambda one: len(one.action),
    "shortest": lambda one: -len(one.action),
    "commonest tool": lambda one: one.alike,
    "like the question": lambda one: shared(one.action, one.question),
    "like what was seen": lambda one: shared(one.action, one.seen),
    "like both": lambda one: shared(one.action, one.question) + shared(one.action, one.seen),
}


def shared(action: str, text: str) -> float:
    """The share of the words of an action's arguments that stand in a text."""
    call = read_call(action)
    words = WORD.findall(str(list(call.arguments.values())) if isinstance(call, ToolCall) else action)
    known = set(WORD.findall(text))
    return sum(word in known for word in words) / len(words) if words else 0.0


def called(action: str) -> str:
    """The tool that an action calls."""
    call = read_call(action)
    return call.name if isinstance(call, ToolCall) else ""


def play(env: StepEnv, seed: int, rule: Callable[[Listed], float]) -> float | None:
    """The outcome of one episode; None where no actions are listed at the beginning."""
    seen, info = env.reset(seed=seed)
    question, taken = seen, set[tuple[str, str]]()
    if not info["actions"]:
        return None
    while True:
        actions, state = list(info["actions"]), info["state_key"]
        if not actions:
            return 0.0
        tools = Counter(map(called, actions))
        listed = [Listed(action, place, tools[called(action)], question, seen) for place, action in enumerate(actions)]
        action = max([one for one in listed if (state, one.action) not in taken] or listed, key=rule).action
        taken.add((state, action))
        seen, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return float(info["outcome"] or 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--envs", default=",".join(ENVS))
    chosen = parser.parse_args()
    print(f"prm_gym {prm_gym.__version__}, {chosen.tasks} tasks a level\n\n| environment | level | {' | '.join(RULES)} |\n|---|---|{'---|' * len(RULES)}")
    for env_id in chosen.envs.split(","):
        probe = gym.make(env_id).unwrapped
        if not isinstance(probe, StepEnv):
            raise SystemExit(f"{env_id} is no step environment")
        for level in range(1, 6) if "difficulty" in option_names(type(probe)) else [None]:
            options: dict[str, Any] = {} if level is None else {"difficulty": level}
            env = gym.make(env_id, verifiers=(), reward="outcome", **options).unwrapped
            if not isinstance(env, StepEnv) or play(env, 3000, RULES["first"]) is None:
                continue
            shares: list[float] = []
            for rule in RULES.values():
                outcomes = [play(env, seed, rule) for seed in range(3000, 3000 + chosen.tasks)]
                shares.append(float(np.mean([outcome for outcome in outcomes if outcome is not None])))
            print(f"| {env_id.removeprefix('prm_gym/')} | {level or '-'} | {' | '.join(f'{share:.3f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
