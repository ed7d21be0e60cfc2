"""An environment and verifiers that misbehave on demand. The processes of a server import them, so the name of this module is unique."""

import os
import time

from prm_gym import Task, Verifier, register
from prm_gym.claims import Equality, Malformed
from prm_gym.env import StepEnv
from prm_gym.errors import EnvironmentFault
from prm_gym.transition import Situation, Transition
from prm_gym.verdict import judged

WORLD = "served_worlds:served_worlds/Moody-v0"


class MoodyEnv(StepEnv):
    """Count to `goal`: "count" does. Other actions hang, crash, raise, or take `pause` seconds."""

    default_verifiers = ("arithmetic",)
    default_max_steps = 8

    def __init__(self, *, goal=3, pause=0.4, colour="red", tasks="", **options):
        super().__init__(**options)
        self.goal, self.pause, self.colour, self.tasks = goal, pause, colour, tasks
        self.count = 0

    def begin(self, options):
        self.count = 0
        number = int(self.np_random.integers(1 << 30))
        task = Task(f"count {self.goal} {number}", "write count", f"count to {self.goal}", {"gold": "xyzzy-gold", "rows": [1, 2]}, {"colour": self.colour})
        return task, self._now()

    def _now(self):
        return Situation(observation=f"at {self.count}", state_key=f"{self.goal}/{self.count}", actions=("count",))

    def advance(self, action):
        if action == "hang":
            time.sleep(3600)
        elif action == "crash":
            os._exit(3)
        elif action == "raise":
            raise KeyError("xyzzy-gold")
        elif action == "fault":
            raise EnvironmentFault("the weather")
        elif action == "slow":
            time.sleep(self.pause)
        elif action != "count":
            return Transition(situation=self._now(), claims=(Malformed("only count is understood"),))
        self.count += 1
        done = self.count >= self.goal
        claims = (Equality("1 + 1", "2"),)
        return Transition(situation=self._now(), claims=claims, terminated=done, outcome=1.0 if done else None)

    def save_state(self):
        return self.count

    def load_state(self, state):
        if self.colour == "grey":
            raise EnvironmentFault("the painter is ill")
        self.count = state

    def solution(self):
        return ["count"] * self.goal

    def more_info(self):
        return {"picture": b"\x89PNG\x00" if self.count else None, "colour": self.colour}


register("served_worlds/Moody-v0", "served_worlds:MoodyEnv")


class MoodyVerifier(Verifier):
    """Judges by the action: "hang" and "crash" do, everything else is right."""

    id = "moody"
    version = "1"

    def verify(self, steps):
        for step in steps:
            if step.action == "hang":
                time.sleep(3600)
            if step.action == "crash":
                os._exit(3)
        return [judged("correct", 1.0, "right") for _ in steps]
