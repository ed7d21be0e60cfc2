"""A world in which everything is known beforehand: words to spell from a clue, a verifier that knows each letter, and agents that are tables.

The clue of a letter is another letter: A for b, B for c, C for a. An agent sees the clue of the next letter and what it has typed; a wrong letter stays where
it is, and the outcome says at the end whether the word is right.
"""

import json
import re
import sys
import time
from pathlib import Path

import numpy as np

import prm_gym
from prm_gym import Situation, StepEnv, Task, Transition, Verifier
from prm_gym.agent import AGENTS, Action, Agent, TrainableAgent
from prm_gym.saved_agents import describe
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train
from prm_gym.verdict import abstained, judged
from prm_gym.verifier import VERIFIERS

LETTERS = "abc"
MEANS = {"A": "b", "B": "c", "C": "a"}
CLUE = {letter: clue for clue, letter in MEANS.items()}
ENV = "training_tests/Spelling-v0"


class SpellingVerifier(Verifier):
    """Knows whether a letter is the one at its place; cannot tell of an x."""

    id = "spelling"
    version = "1"
    claims = ()

    def verify(self, steps):
        return [self._verdict(step.action, step.task.sealed["word"][len(step.previous)]) for step in steps]

    def _verdict(self, action, wanted):
        if action == "x":
            return abstained("an x can be anything")
        right = action == wanted
        return judged("correct" if right else "incorrect", float(right), "" if right else f"the letter is {wanted}")


class SpellingEnv(StepEnv):
    """Type a word of `length` letters, one a step; of two letters alone where `letters` says so."""

    default_verifiers = ("spelling",)

    def __init__(self, *, length=3, letters=LETTERS, **options):
        super().__init__(**options)
        self.length, self.letters = length, letters

    def begin(self, options):
        self.word = "".join(str(letter) for letter in self.np_random.choice(list(self.letters), size=self.length))
        number = int(self.np_random.integers(1_000_000))  # so that there are more tasks than words
        self.typed = ""
        clue = "".join(CLUE[letter] for letter in self.word)
        task = Task(key=f"{number} {self.word}", instructions="Type the word.", question=f"{number}: {clue}", sealed={"word": self.word})
        return task, self._seen()

    def _seen(self):
        clue = CLUE[self.word[len(self.typed)]] if len(self.typed) < self.length else "-"
        return Situation(observation=f"{clue} after {self.typed or 'nothing'}", state_key=f"{self.word}/{self.typed}", actions=(*LETTERS, "x"))

    def advance(self, action):
        self.typed += action[:1] or "x"
        if len(self.typed) < self.length:
            return Transition(situation=self._seen())
        return Transition(situation=self._seen(), terminated=True, outcome=float(self.typed == self.word))

    def save_state(self):
        return [self.word, self.typed]

    def load_state(self, state):
        self.word, self.typed = state

    def solution(self):
        return list(self.word)


class Speller(TrainableAgent):
    """A table from clues to letters, which explores."""

    id = "speller"

    def __init__(self, knows="", explore=0.0, wrong="a", seed=0, breaks_at=0):
        """`knows` are clues whose letter it knows; for the others it says `wrong`. Its update number `breaks_at` has no finite loss."""
        self.table = {clue: MEANS[clue] for clue in knows}
        self.explore, self.wrong, self.breaks_at = explore, wrong, breaks_at
        self.rng = np.random.default_rng(seed)
        self.updates = 0
        self.imitated = []
        self.preferred = []

    def act(self, prompts):
        return [Action(text=self._letter(prompt)) for prompt in prompts]

    def _letter(self, prompt):
        if self.explore and self.rng.random() < self.explore:
            return str(self.rng.choice(list(LETTERS)))
        return self.best(prompt.observation)

    def best(self, observation):
        return self.table.get(observation[0], self.wrong)

    def update(self, batch, credit):
        self.updates += 1
        for step, advantage, keep in zip(batch.steps, credit.advantages, credit.keep, strict=True):
            if keep and advantage > 0:
                self.table[step.observation[0]] = step.action
        return {"loss": float("nan") if self.updates == self.breaks_at else 0.0}

    def imitate(self, batch, weights=None):
        weights = np.ones(len(batch.steps)) if weights is None else weights
        self.imitated.append([(step.observation, step.action, float(weight)) for step, weight in zip(batch.steps, weights, strict=True)])
        for step, weight in zip(batch.steps, weights, strict=True):
            if weight > 0:
                self.table[step.observation[0]] = step.action
        return {"imitation_loss": 0.0}

    def prefer(self, pairs):
        self.preferred.append(list(pairs))
        for pair in pairs:
            self.table[pair.prompt.observation[0]] = pair.chosen.text
        return {"preference_loss": 0.0}

    def save(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        state = {"table": self.table, "rng": self.rng.bit_generator.state, "updates": self.updates}
        (directory / "speller.json").write_text(json.dumps(state))
        describe(directory, self.id, {"explore": self.explore, "wrong": self.wrong})

    def load(self, directory):
        state = json.loads((directory / "speller.json").read_text())
        self.table, self.updates = state["table"], state["updates"]
        self.rng.bit_generator.state = state["rng"]

    def greedy(self):
        return Certain(self)


class Certain(Agent):
    """A speller without exploration."""

    id = "speller:greedy"

    def __init__(self, speller):
        self.speller = speller

    def act(self, prompts):
        return [Action(text=self.speller.best(prompt.observation)) for prompt in prompts]


class Reader(Speller):
    """A speller that reads critiques: of a letter that was called wrong it types the one that was named."""

    id = "reader"

    def _letter(self, prompt):
        named = dict(re.findall(r"^(\d+)\. .*the letter is (\w)", prompt.instructions, re.MULTILINE))
        return named.get(str(len(prompt.history) + 1)) or super()._letter(prompt)


class Mute(Speller):
    """A speller that can neither imitate nor prefer."""

    id = "mute"
    imitate = TrainableAgent.imitate
    prefer = TrainableAgent.prefer


def register():
    """Make the names known in this process."""
    prm_gym.register(ENV, f"{__name__}:SpellingEnv")
    VERIFIERS.register("spelling", SpellingVerifier)
    for agent in (Speller, Reader, Mute):
        AGENTS.register(agent.id, agent)


def config(**changes):
    """A small run."""
    fields = {
        "env_id": ENV,
        "agent": "speller",
        "agent_options": {"explore": 0.5},
        "credit": "gigpo",
        "reward": "dense",
        "budget": 200,
        "tasks": 3,
        "attempts": 3,
        "evaluate_every": 60,
        "checkpoint_every": 2,
        "eval_tasks": 10,
        "num_envs": 6,
    }
    return TrainConfig(**{**fields, **changes})


def main():
    """Train as a process that can be killed: DIRECTORY, METHOD, seconds to wait after each batch."""
    register()
    directory, method, pause = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    train(config(method=method, **LONG), directory, lambda _: time.sleep(pause))


LONG = {"budget": 600, "domains": ({"letters": "ab"}, {"length": 4}), "curriculum": "domain-weights", "refills": 1}

if __name__ == "__main__":
    main()
