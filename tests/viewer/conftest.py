"""Trajectories made by hand, of which it is known what a page must say."""

import pytest

from prm_gym import Step, Task, Trajectory
from prm_gym._version import VERSION
from prm_gym.store import TrajectoryWriter
from prm_gym.verdict import abstained, judged

MODEL = {"domain": ["e0", "e1"], "constants": {"a": "e0"}, "true": [["P", "e0"], ["Q"]]}


@pytest.fixture
def step():
    """Makes a step: `step(index, action, state, next_state, reward=0.0, **changes)`."""
    return make_step


@pytest.fixture
def trajectory():
    """Makes a trajectory: `trajectory(group, attempt, steps, outcome, **changes)`."""
    return make_trajectory


@pytest.fixture
def store(tmp_path):
    """Writes trajectories: `store(trajectories, name="t.jsonl")` is the path."""

    def write(trajectories, name="t.jsonl"):
        with TrajectoryWriter(tmp_path / name) as writer:
            writer.write(trajectories)
        return tmp_path / name

    return write


@pytest.fixture
def proofs():
    """Two tasks, three attempts each: `g/0` solved, `g/1` refuted with a counter-model, `g/2` spoilt; `h` has one that a verifier cannot tell of."""
    return make_proofs()


def make_step(index, action, state, next_state, reward=0.0, **changes):
    fields = {"observation": f"you are in {state}\nthe door is open", "verdicts": {}}
    return Step(**{"index": index, "action": action, "state_key": state, "next_state_key": next_state, "reward": reward} | fields | changes)


def make_trajectory(group, attempt, steps, outcome, **changes):
    task = Task(key=group, instructions="write a step", question=f"How to leave {group}?", sealed={"gold": "the gold answer"}, metadata={"difficulty": 1})
    fields = {"task": task, "seed": 1, "env_id": "prm_gym/Doors-v0", "agent": "hand", "library_version": VERSION}
    return Trajectory(**{"id": f"{group}/{attempt}", "group_id": group, "outcome": outcome, "steps": tuple(steps)} | fields | changes)


def make_proofs():
    right = {"z3": judged("correct", 1.0, "it follows", needed=["fact1"]), "judge": judged("incorrect", 0.25, "I do not like it")}
    wrong = {"z3": judged("incorrect", 0.0, "it does not follow", counterexample=MODEL), "judge": abstained("I cannot read it")}
    return [
        make_trajectory("g", 0, [make_step(0, "left", "A", "B", 0.1, verdicts=right), make_step(1, "out", "B", "C", 1.0, terminated=True)], 1.0),
        make_trajectory("g", 1, [make_step(0, "right", "A", "D", -0.1, verdicts=wrong), make_step(1, "out", "D", "E", terminated=True)], 0.0),
        make_trajectory("g", 2, [make_step(0, "left", "A", "A", truncated=True)], None, valid=False),
        make_trajectory("h", 0, [make_step(0, "wait", "H", "H", terminated=True, verdicts={"judge": abstained("too dark to see")})], 0.0),
        make_trajectory("h", 1, [make_step(0, "go", "H", "I", 0.5, truncated=True)], 0.5),
    ]
