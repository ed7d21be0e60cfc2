"""Small worlds whose values are known: a chain of right and wrong steps, one with chance in it, one that breaks, one that cannot be saved."""

import numpy as np

import prm_gym
from prm_gym import Malformed, Situation, StepEnv, Task, Transition
from prm_gym.agent import Action, Agent
from prm_gym.errors import ContractError, EnvironmentFault


class ChainEnv(StepEnv):
    """`length` steps, each "right" or "wrong"; the outcome is 1 if all were right. What was wrong does not show."""

    default_max_steps = 64

    def __init__(self, *, length=6, **options):
        super().__init__(**options)
        self.length = length

    def begin(self, options):
        self.number, self.taken, self.sound = int(self.np_random.integers(1 << 30)), 0, True
        return Task(key=f"chain {self.length} {self.number}", instructions="", question=f"task {self.number}"), self.look()

    def look(self):
        return Situation(observation=f"{self.number}: {self.taken}", state_key=f"{self.taken} {self.sound}", actions=("right", "wrong"))

    def advance(self, action):
        if action not in ("right", "wrong"):
            return Transition(situation=self.situation, claims=(Malformed("neither right nor wrong"),))
        self.taken, self.sound = self.taken + 1, self.sound and action == "right"
        over = self.taken == self.length
        return Transition(situation=self.look(), terminated=over, outcome=float(self.sound) if over else None)

    def save_state(self):
        return [self.number, self.taken, self.sound]

    def load_state(self, state):
        self.number, self.taken, self.sound = state

    def solution(self):
        return ["right"] * self.length


class LuckyEnv(ChainEnv):
    """Likewise, but a right step goes wrong with probability 1/4, and that shows."""

    def advance(self, action):
        lucky = self.np_random.random() < 0.75
        return super().advance(action if lucky or action != "right" else "wrong")

    def look(self):
        return Situation(observation=f"{self.number}: {self.taken} {self.sound}", state_key=f"{self.taken} {self.sound}", actions=("right", "wrong"))


class BreakingEnv(ChainEnv):
    """Every step breaks the infrastructure with probability `share`."""

    def __init__(self, *, share=0.2, **options):
        super().__init__(**options)
        self.share = share

    def advance(self, action):
        if self.np_random.random() < self.share:
            raise EnvironmentFault("gone")
        return super().advance(action)


class LostEnv(ChainEnv):
    """A state that is to be put back is lost in `broken` of every 12 tries."""

    tries = 0

    def __init__(self, *, broken=12, **options):
        super().__init__(**options)
        self.broken = broken

    def load_state(self, state):
        type(self).tries += 1
        if type(self).tries % 12 < self.broken:
            raise EnvironmentFault("the session is gone")
        super().load_state(state)


class MoodyEnv(ChainEnv):
    """The infrastructure fails when a state is to be saved, or the generator to be seeded."""

    def __init__(self, *, where="snapshot", **options):
        super().__init__(**options)
        self.where = where

    def snapshot(self):
        if self.where == "snapshot":
            raise EnvironmentFault("no room")
        return super().snapshot()

    def reseed(self, seed):
        if self.where == "reseed":
            raise EnvironmentFault("no seed")
        super().reseed(seed)


class LiveEnv(LuckyEnv):
    """Likewise, and cannot be saved."""

    def save_state(self):
        raise ContractError("a live site cannot be saved")


class RestlessEnv(ChainEnv):
    """Shows something else each time."""

    shown = 0

    def look(self):
        RestlessEnv.shown += 1
        return Situation(observation=f"{RestlessEnv.shown}", state_key=f"{RestlessEnv.shown}", actions=("right", "wrong"))


class ListedEnv(ChainEnv):
    """Chains from a list."""

    @property
    def task_count(self):
        return 5

    def begin(self, options):
        index = self.choose_task(options)
        self.number, self.taken, self.sound = index, 0, True
        return Task(key=f"listed {index}", instructions="", question=f"task {index}"), self.look()


class StrippingEnv(ChainEnv):
    """Shows nothing of the steps taken, and leaves blanks out."""

    def advance(self, action):
        return super().advance(action.strip())

    def look(self):
        return Situation(observation=f"{self.number}", state_key=f"{self.taken} {self.sound}", actions=("right", "wrong"))


for kind in (StrippingEnv, ChainEnv, LuckyEnv, BreakingEnv, LostEnv, MoodyEnv, LiveEnv, RestlessEnv, ListedEnv):
    prm_gym.register(f"test_montecarlo/{kind.__name__}", f"{__name__}:{kind.__name__}")


class SkilledAgent(Agent):
    """Right with a known probability, whatever came before."""

    seeded = True

    def __init__(self, skill):
        self.id, self.skill, self.calls = f"skilled:{skill}", skill, 0

    def act(self, prompts):
        self.calls += 1
        return [Action(text="right" if np.random.default_rng(prompt.seed).random() < self.skill else "wrong") for prompt in prompts]
