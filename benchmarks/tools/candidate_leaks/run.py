"""Do the lists of candidates of the services give the solution away to agents that read nothing?

python benchmarks/tools/candidate_leaks/run.py [--tasks 60] [--levels 1,2,3,4,5]

Seeds 2000 to 2000 + tasks - 1 at every level.
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import gymnasium as gym
import numpy as np

import prm_gym
from prm_gym.services import ServiceEnv
from prm_gym.tools import ToolCall, call_text, read_call

ENVS = ("prm_gym/Retail-v0", "prm_gym/Calendar-v0")
TRAINING = range(1000, 1060)


class Agent(NamedTuple):
    """What an agent goes by.

    Attributes:
        forms: it knows how often each form of an action, with the number of the listed ones of that form, was the scripted one.
        reads: it makes a read that is of no use before each choice, which would draw the list anew.
    """

    forms: bool
    reads: bool


AGENTS = {"(a) what stays": Agent(False, False), "(b) and forms": Agent(True, False), "(c) and useless reads": Agent(True, True)}


def made(env_id: str, level: int) -> ServiceEnv:
    """An environment of a level."""
    env = gym.make(env_id, difficulty=level).unwrapped
    if not isinstance(env, ServiceEnv):
        raise SystemExit(f"{env_id} is no service")
    return env


def form(action: str) -> str:
    """The tool and how many things each list names, and for texts how many words they have; of a message the words without names, numbers and places."""
    call = read_call(action)
    if isinstance(call, ToolCall):
        return f"{call.name} {[len(value) if isinstance(value, list) else len(str(value).split()) for value in call.arguments.values()]}"
    return re.sub(r"\b[A-Z]\d{4,5}\b|\d+[\d:.]*|\b[A-Z]\w+ [A-Z]\w+\b|(?<=, )[A-Z]\w+\b", "#", action)


def features(actions: Sequence[str]) -> list[tuple[str, int]]:
    """The form of each action, with how many of the listed ones have it."""
    forms = [form(action) for action in actions]
    counts = Counter(forms)
    return [(name, counts[name]) for name in forms]


def learnt(env_id: str, level: int) -> dict[tuple[str, int], float]:
    """How often each form is that of the scripted step, over scripted episodes of other tasks."""
    env, seen, right = made(env_id, level), Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for seed in TRAINING:
        _, info = env.reset(seed=seed)
        for action in env.solution():
            actions = list(info["actions"])
            listed = features(actions)
            seen.update(listed)
            right[listed[actions.index(action)]] += 1
            _, _, _, _, info = env.step(action)
    return {name: right[name] / count for name, count in seen.items()}


def play(env: ServiceEnv, seed: int, agent: Agent, scores: dict[tuple[str, int], float]) -> float:
    """The outcome of one episode; of what it is told the agent reads "That is all" alone."""
    rng = np.random.default_rng(seed)
    last, info = env.reset(seed=seed)
    pool, tried, made_reads, fresh = list[str](), set[str](), 0, True
    while True:
        actions = list(info["actions"])
        if "That is all" in last:
            action = next((one for one in actions if '"finish"' in one), actions[0])
        elif agent.reads and fresh:
            made_reads += 1
            action = (
                call_text("calculate", expression=f"1+{made_reads}")
                if "calculate" in env.operations
                else call_text("find_person", text="aeiou"[made_reads % 5])
            )
            pool, fresh = [one for one in pool or actions if one in actions], False
        else:
            playable = [one for one in actions if not one.startswith(('{"name": "finish"', '{"name": "transfer'))]
            left = [one for one in pool if one in playable and one not in tried]
            if not left:
                tried, left = (set() if not set(playable) - tried else tried), [one for one in playable if one not in tried] or playable
            listed = dict(zip(actions, features(actions), strict=True))
            marks = [(scores.get(listed[one], 0.0) if agent.forms else 0.0) + 0.05 * rng.random() for one in left]
            action = left[int(np.argmax(marks))]
            tried.add(action)
            pool, fresh = left, True
        last, _, terminated, truncated, info = env.step(action)
        pool = [one for one in pool if one in info["actions"]]
        if terminated or truncated:
            return float(info["outcome"] or 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--levels", default="1,2,3,4,5")
    chosen = parser.parse_args()
    print(f"prm_gym {prm_gym.__version__}, {chosen.tasks} tasks a level\n\n| environment | level | {' | '.join(AGENTS)} |\n|---|---|---|---|---|")
    for env_id in ENVS:
        for level in map(int, chosen.levels.split(",")):
            env, scores = made(env_id, level), learnt(env_id, level)
            shares = [float(np.mean([play(env, seed, agent, scores) for seed in range(2000, 2000 + chosen.tasks)])) for agent in AGENTS.values()]
            print(f"| {env_id.removeprefix('prm_gym/')} | {level} | {' | '.join(f'{share:.3f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
