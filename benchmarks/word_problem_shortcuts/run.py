"""Can WordProblems-v0 be solved by choosing among the listed actions without reading the problem?

python benchmarks/word_problem_shortcuts/run.py [--tasks 400]

Every agent but `random` knows the rules: it answers with the goal's amount once that is noted, and chooses a line before. A calculator leaves only true
equations to choose from. No agent but the last reads the text.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from prm_gym.arithmetic import evaluate
from prm_gym.envs.math.word_problem_generator import LEVELS
from prm_gym.envs.math.word_problems import WordProblemsEnv

Choice = Callable[[str, list[str], np.random.Generator], str]

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def _drawn(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]


def _result(line: str) -> Fraction:
    return evaluate(line.rpartition(" = ")[2])


def _operands(line: str) -> tuple[str, ...]:
    return tuple(sorted(_NUMBER.findall(line.split(" = ")[1])))


def _true(lines: list[str]) -> list[str]:
    return [line for line in lines if evaluate(line.split(" = ")[1]) == _result(line)] or lines


def _by_symbol(symbol: str) -> Choice:
    return lambda _, lines, rng: _drawn([line for line in _true(lines) if symbol in line] or lines, rng)


def _by_operands(sign: int) -> Choice:
    def choose(_: str, lines: list[str], rng: np.random.Generator) -> str:
        counts = Counter(_operands(line) for line in lines)
        best = max(sign * counts[_operands(line)] for line in _true(lines))
        return _drawn([line for line in _true(lines) if sign * counts[_operands(line)] == best], rng)

    return choose


def _commonest_words(_: str, lines: list[str], __: np.random.Generator) -> str:
    counts = Counter(word for line in lines for word in line.split())
    return max(lines, key=lambda line: sum(counts[word] for word in line.split()))


def _last_noted(observation: str, lines: list[str], rng: np.random.Generator) -> str:
    noted = re.findall(r"^\S+ = (.+)$", observation, re.MULTILINE)
    return _drawn([line for line in _true(lines) if noted and noted[-1] in _operands(line)] or _true(lines), rng)


def _same_sentence(observation: str, lines: list[str], rng: np.random.Generator) -> str:
    """Takes the line whose numbers stand, or are the amounts of what stands, in the sentences that name its quantity."""
    noted = re.findall(r"^(\S+) = (.+)$", observation, re.MULTILINE)

    def share(line: str) -> float:
        label, operands, found = line.partition(" = ")[0].replace("_", " "), _operands(line), 0
        for sentence in re.split(r"(?<=[.?]) ", observation.partition("\n")[0]):
            if label in sentence:
                there = {*_NUMBER.findall(sentence), *(amount for name, amount in noted if name.replace("_", " ") in sentence)}
                found += sum(operand in there for operand in operands)
        return found / len(operands)

    return max(_true(lines), key=lambda line: (share(line), rng.random()))


AGENTS: dict[str, Choice] = {
    "random line": lambda _, lines, rng: _drawn(lines, rng),
    "first line": lambda _, lines, __: lines[0],
    "last line": lambda _, lines, __: lines[-1],
    "commonest words": _commonest_words,
    "calculator": lambda _, lines, rng: _drawn(_true(lines), rng),
    "calculator, always multiplies": _by_symbol("*"),
    "calculator, always adds": _by_symbol("+"),
    "calculator, largest result": lambda _, lines, __: max(_true(lines), key=_result),
    "calculator, smallest result": lambda _, lines, __: min(_true(lines), key=_result),
    "calculator, commonest operands": _by_operands(1),
    "calculator, rarest operands": _by_operands(-1),
    "calculator, goes on from the last amount": _last_noted,
    "calculator, numbers of the same sentence": _same_sentence,
}


def solved(env: WordProblemsEnv, choose: Choice | None, tasks: int) -> float:
    """The share of tasks that an agent solves; None chooses among all actions."""
    rng, count = np.random.default_rng(0), 0
    for seed in range(tasks):
        observation, info = env.reset(seed=seed)
        goal, outcome = env.task.metadata["goal"], None
        while outcome is None:
            noted = re.search(rf"^{goal} = (.+)$", observation.partition("noted:")[2], re.MULTILINE)
            lines = [action for action in info["actions"] if not action.startswith("answer")]
            action = _drawn(info["actions"], rng) if choose is None or not lines else choose(observation, lines, rng)
            observation, _, _, _, info = env.step(f"answer {noted[1]}" if noted and choose is not None else action)
            outcome = info["outcome"]
        count += outcome == 1.0
    return count / tasks


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=400)
    tasks = parser.parse_args().tasks
    envs = [WordProblemsEnv(difficulty=level, verifiers=[]) for level in LEVELS]
    print(f"| agent | {' | '.join(f'level {level}' for level in LEVELS)} |\n|---|{'---|' * len(LEVELS)}")
    for name, choose in {"random": None, **AGENTS}.items():
        print(f"| {name} | {' | '.join(f'{solved(env, choose, tasks):.3f}' for env in envs)} |", flush=True)


if __name__ == "__main__":
    main()
