"""Does anything but its meaning tell the right one of the answers that the database environments list?

python benchmarks/tools/candidate_leaks/answers.py [--tasks 200] [--levels 1,2,3,4,5]

The scripted agent looks at all that is needed; then the answer is chosen by a mark. Ties are broken at random. Seeds 2000 to 2000 + tasks - 1 at every level.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np

import prm_gym
from prm_gym.env import StepEnv

KINDS: dict[str, dict[str, Any]] = {"SQL-v0": {}, "Tables-v0, solve": {"kind": "solve"}, "Tables-v0, find": {"kind": "find"}}
Marks: TypeAlias = Sequence[float]


def words(text: str) -> Counter[str]:
    """The words and signs of a text."""
    return Counter(re.findall(r"\w+|[^\w\s]", text))


def likeness(answers: Sequence[str]) -> Marks:
    """How many words each has in common with the others, of all words."""
    bags = [words(answer) for answer in answers]
    return [round(sum((one & other).total() / (one | other).total() for other in bags), 9) for one in bags]


def numbers(answers: Sequence[str]) -> Marks:
    """The last number of each."""
    return [float((re.findall(r"-?\d+(?:\.\d+)?", answer) or ["0"])[-1]) for answer in answers]


def middles(values: Marks) -> Marks:
    """Minus how far each is from the median."""
    return [-abs(value - float(np.median(values))) for value in values]


MARKS: dict[str, Callable[[Sequence[str], str], Marks]] = {
    "first": lambda answers, _: range(0, -len(answers), -1),
    "last": lambda answers, _: range(len(answers)),
    "longest": lambda answers, _: [len(answer) for answer in answers],
    "shortest": lambda answers, _: [-len(answer) for answer in answers],
    "of middle length": lambda answers, _: middles([len(answer) for answer in answers]),
    "most like the others": lambda answers, _: likeness(answers),
    "least like the others": lambda answers, _: [-mark for mark in likeness(answers)],
    "most words of the question": lambda answers, question: [len(words(answer.lower()).keys() & words(question.lower()).keys()) for answer in answers],
    "first in the alphabet": lambda answers, _: [-sorted(answers).index(answer) for answer in answers],
    "greatest number": lambda answers, _: numbers(answers),
    "middle number": lambda answers, _: middles(numbers(answers)),
}


def shares(level: int, options: dict[str, Any], env_id: str, tasks: int) -> tuple[float, dict[str, float]]:
    """The share of right answers by chance and by each mark."""
    env = gym.make(f"prm_gym/{env_id}", difficulty=level, **options).unwrapped
    if not isinstance(env, StepEnv):
        raise SystemExit(f"{env_id} is no step environment")
    right, chance = dict.fromkeys(MARKS, 0.0), 0.0
    for seed in range(2000, 2000 + tasks):
        question, info = env.reset(seed=seed)
        *looks, answer = env.solution()
        for action in looks:
            _, _, _, _, info = env.step(action)
        answers = [action for action in info["actions"] if action.startswith('{"name": "answer"')]
        chance += 1 / len(answers)
        for name, mark in MARKS.items():
            marks = mark(answers, question)
            best = [one for one, value in zip(answers, marks, strict=True) if value == max(marks)]
            right[name] += (answer in best) / len(best)
    return chance / tasks, {name: right[name] / tasks for name in MARKS}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--levels", default="1,2,3,4,5")
    chosen = parser.parse_args()
    print(
        f"prm_gym {prm_gym.__version__}, {chosen.tasks} tasks a level\n\n| environment | level | chance | {' | '.join(MARKS)} |\n|{'---|' * (3 + len(MARKS))}"
    )
    for name, options in KINDS.items():
        for level in map(int, chosen.levels.split(",")):
            chance, found = shares(level, options, name.partition(",")[0], chosen.tasks)
            print(f"| {name} | {level} | {chance:.2f} | {' | '.join(f'{share:.2f}' for share in found.values())} |", flush=True)


if __name__ == "__main__":
    main()
