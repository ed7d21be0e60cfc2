"""The contract of environments: the smallest one keeps it, and every check of `check_step_env` bites."""

import json
import random
import threading

import gymnasium as gym
import msgspec
import numpy as np
import pytest

from prm_gym import Claim, Malformed, Situation, StepEnv, Task, Transition, Verdict, Verifier
from prm_gym.errors import ContractError
from prm_gym.rewards import OutcomeReward
from prm_gym.testing import check_step_env
from prm_gym.tools import Tool

WORDS = ("red", "green", "blue", "black")


class WordsEnv(StepEnv):
    """Say the word that you see, twice: the smallest environment that has every part."""

    default_max_steps = 6

    def begin(self, options):
        self.words = [WORDS[int(i)] for i in self.np_random.permutation(4)[:2]]
        self.said = []
        task = Task(key="-".join(self.words), instructions="Say the word.", question="Two words.", sealed={"words": self.words})
        return task, self.look(task)

    def look(self, task):
        place = len(self.said)
        shown = f"say {self.words[place]}" if place < 2 else "over"
        return Situation(observation=shown, state_key=f"{task.key} {self.said}", actions=WORDS if place < 2 else ())

    def advance(self, action):
        if action not in WORDS:
            return Transition(situation=self.situation, claims=(Malformed("no word"),))
        self.said = [*self.said, action]
        over = len(self.said) == 2
        return Transition(situation=self.look(self.task), terminated=over, outcome=float(self.said == self.words) if over else None)

    def save_state(self):
        return {"said": self.said}

    def load_state(self, state):
        self.words, self.said = self.task.sealed["words"], state["said"]

    def solution(self):
        return list(self.words)


def test_the_smallest_environment_keeps_the_contract():
    check_step_env(WordsEnv)


# The checks bite: every one of these is broken in one place.


class Broken(Claim, msgspec.Struct, frozen=True, tag="testing.broken"):
    """A claim that does not survive storage: a tuple in a field that does not say so."""

    values: object


class OutOfRange(OutcomeReward):
    def reward(self, step, previous):
        return 2.0


class NotAStepEnv(gym.Env):
    pass


class IgnoresTheSeed(WordsEnv):
    def begin(self, options):
        self.np_random = np.random.default_rng()
        return super().begin(options)


class Deprecated(WordsEnv):
    def seed(self, seed=None):
        """Gymnasium warns of this method."""


class StepsBeforeReset(WordsEnv):
    def step(self, action):
        if not self._running:
            self.reset()
        return super().step(action)


class DrawsFromOutside(WordsEnv):
    def advance(self, action):
        transition = super().advance(action)
        if not transition.terminated:
            return transition
        situation = msgspec.structs.replace(transition.situation, observation=f"over {np.random.default_rng().random()}")
        return msgspec.structs.replace(transition, situation=situation)


class DrawsFromTheGlobalGenerator(WordsEnv):
    def advance(self, action):
        random.random()
        return super().advance(action)


class SeedsTheGlobalGenerator(WordsEnv):
    def begin(self, options):
        np.random.seed(0)
        return super().begin(options)


class RemembersTheLastEpisode(WordsEnv):
    episodes = 0

    def advance(self, action):
        transition = super().advance(action)
        self.episodes += transition.terminated
        shown = f"{transition.situation.observation} {min(self.episodes, 3)}" if transition.terminated else transition.situation.observation
        return msgspec.structs.replace(transition, situation=msgspec.structs.replace(transition.situation, observation=shown))

    def save_state(self):
        return {**super().save_state(), "episodes": self.episodes}

    def load_state(self, state):
        super().load_state(state)
        self.episodes = state["episodes"]


class ForgetsItsState(WordsEnv):
    def save_state(self):
        return {}

    def load_state(self, state):
        self.words = self.task.sealed["words"]
        self.said = getattr(self, "said", [])


class ForgetsWhenPickled(WordsEnv):
    def __getstate__(self):
        return {**self.__dict__, "said": []}


class HoldsALock(WordsEnv):
    def __init__(self, **options):
        super().__init__(**options)
        self.lock = threading.Lock()


class EmptySolution(WordsEnv):
    def solution(self):
        return []


class WrongSolution(WordsEnv):
    def solution(self):
        return [self.words[0], self.words[0]]


class MalformedSolution(WordsEnv):
    def solution(self):
        return [self.words[0].upper(), self.words[1]]


class ShrinkingSolution(WordsEnv):
    def solution(self):
        return self.words[len(self.said) :]


class LongSolution(WordsEnv):
    def solution(self):
        return ["red"] * 7


class RaisesOnMarks(WordsEnv):
    def advance(self, action):
        if "\u202e" in action:
            raise ValueError("not for me")
        return super().advance(action)


class TakesAnything(WordsEnv):
    def advance(self, action):
        return super().advance(action if action in WORDS or not action.isprintable() else "red")


class PunishesTheMalformed(WordsEnv):
    def advance(self, action):
        if action in WORDS:
            return super().advance(action)
        self.said = [*self.said, "nothing"]
        situation = msgspec.structs.replace(self.situation, state_key=f"{self.task.key} {self.said}")
        return Transition(situation=situation, claims=(Malformed("no word"),))


class GreatOutcome(WordsEnv):
    def advance(self, action):
        transition = super().advance(action)
        return msgspec.structs.replace(transition, outcome=2.0) if transition.terminated else transition


class NoValidInInfo(WordsEnv):
    def step(self, action):
        *rest, info = super().step(action)
        return (*rest, {key: value for key, value in info.items() if key != "valid"})


class NumpyReward(WordsEnv):
    def step(self, action):
        observation, reward, *rest = super().step(action)
        return (observation, np.float64(reward), *rest)


class NoVerdicts(WordsEnv):
    default_verifiers = ("arithmetic",)

    def step(self, action):
        *rest, info = super().step(action)
        return (*rest, {**info, "verdicts": {}})


class EndsTwice(WordsEnv):
    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated or terminated, info


class NeverEnds(WordsEnv):
    def step(self, action):
        self.max_steps += 1
        return super().step(action)


class GoesOnAfterTheEnd(WordsEnv):
    def step(self, action):
        result = super().step(action)
        self._running = True
        return result


class PrintsWhatIsSealed(WordsEnv):
    def look(self, task):
        situation = super().look(task)
        return msgspec.structs.replace(situation, observation=f"{situation.observation}\n{json.dumps(task.sealed)}")


class TellsTheSolution(WordsEnv):
    def look(self, task):
        situation = super().look(task)
        return msgspec.structs.replace(situation, observation=f"{situation.observation} ({self.words[0]}, then {self.words[1]})")


class ListsDoubles(WordsEnv):
    def look(self, task):
        return msgspec.structs.replace(super().look(task), actions=("red", "red"))


class ListsNoSteps(WordsEnv):
    def look(self, task):
        return msgspec.structs.replace(super().look(task), actions=("rouge", "vert"))


class TupleInTheTask(WordsEnv):
    def begin(self, options):
        task, situation = super().begin(options)
        return msgspec.structs.replace(task, metadata={"pair": (1, 2)}), situation


class NumpyInTheTask(WordsEnv):
    def begin(self, options):
        task, situation = super().begin(options)
        return msgspec.structs.replace(task, metadata={"rank": np.int64(1)}), situation


class TupleInAClaim(WordsEnv):
    def advance(self, action):
        return msgspec.structs.replace(super().advance(action), claims=(Broken((1, 2)),))


class HidesItsTools(WordsEnv):
    @property
    def tools(self):
        return (Tool("say", "Says a word."),)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (HidesItsTools, "the instructions list the tools"),
        (NotAStepEnv, "the environment is a prm_gym.StepEnv, got NotAStepEnv"),
        (IgnoresTheSeed, "check_env: AssertionError"),
        (Deprecated, "check_env: UserWarning: .*`seed` function is dropped"),
        (StepsBeforeReset, "a step before the first reset raises"),
        (DrawsFromOutside, r"another instance: the same results, got results\[.*: over 0\..* and over 0\."),
        (DrawsFromTheGlobalGenerator, "global generators of random and numpy are neither used nor seeded"),
        (SeedsTheGlobalGenerator, "global generators of random and numpy are neither used nor seeded"),
        (RemembersTheLastEpisode, "a second time: the same results"),
        (ForgetsItsState, "a snapshot in a fresh instance"),
        (ForgetsWhenPickled, "a pickle: "),
        (HoldsALock, "can be pickled, got TypeError: cannot pickle '_thread.lock'"),
        (EmptySolution, r"solution\(\) is a list of actions, at least one, got \[\]"),
        (WrongSolution, r"terminates with the outcome 1, none before it, got \(True, False, 0.0\) after 2 of 2 actions"),
        (MalformedSolution, "every action of the solution is a step, got Malformed for '[A-Z]+'"),
        (ShrinkingSolution, r"solution\(\) stays what it is while the episode goes on, got another after 1 steps"),
        (LongSolution, "the solution fits into max_steps=6, got 7 actions"),
        (RaisesOnMarks, r"step\('.*u202e.*'\): a step never raises, whatever an agent writes, got ValueError: not for me"),
        (TakesAnything, "a Malformed claim for the text that is empty"),
        (PunishesTheMalformed, "a Malformed step changes nothing and ends nothing"),
        (GreatOutcome, r"the outcome is in \[0, 1\]"),
        (lambda: WordsEnv(reward=OutOfRange()), r"reward_range \[0.0, 1.0\], got 2.0"),
        (NumpyReward, "the reward is a Python number"),
        (NoValidInInfo, r"info has the keys and types that StepEnv documents, got none or another type under \['valid'\]"),
        (NoVerdicts, r"a Verdict of each of the verifiers \['arithmetic'\]"),
        (EndsTwice, "not both True"),
        (NeverEnds, "is truncated after max_steps=6 of them"),
        (GoesOnAfterTheEnd, "a step after the end raises"),
        (PrintsWhatIsSealed, "neither observation nor info print what is sealed"),
        (TellsTheSolution, "the first observation does not hold the solution"),
        (ListsDoubles, "the listed actions are distinct texts"),
        (ListsNoSteps, "at least one of the listed actions is a step"),
        (TupleInTheTask, r"task\['metadata'\]\['pair'\]: \(1, 2\) and \[1, 2\]"),
        (NumpyInTheTask, "what is stored holds JSON values alone"),
        (TupleInAClaim, "claims are the same after storage as JSON"),
    ],
)
def test_the_check_of_environments_bites(make, says):
    with pytest.raises(ContractError, match=f"(?s){says}"):
        check_step_env(make)


def test_verdicts_of_an_impure_verifier_are_not_compared():
    class Moody(Verifier):
        id, version, pure = "moody", "1", False
        asked = 0

        def verify(self, steps):
            self.asked += 1
            return [Verdict(status="ok", score=1.0 / self.asked) for _ in steps]

    # check_env compares everything, so Gymnasium's part fails; what is ours leaves the moody verdicts out.
    with pytest.raises(ContractError, match="check_env"):
        check_step_env(lambda: WordsEnv(verifiers=[Moody()]))
