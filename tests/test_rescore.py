import pytest

from prm_gym import StepContext, Verdict, Verifier
from prm_gym.agent import make_agent
from prm_gym.errors import OptionError
from prm_gym.rescore import contexts, rescore
from prm_gym.rollout import Rollouts, groups
from prm_gym.verifier import make_verifiers


class _Recorder(Verifier):
    id = "recorder"
    version = "1"

    def __init__(self, pure=True):
        self.pure = pure
        self.seen: list[StepContext] = []

    def verify(self, steps):
        self.seen += steps
        return [Verdict(status="abstain") for _ in steps]


def test_a_stored_step_is_shown_to_a_verifier_as_it_was_when_it_was_taken():
    recorder = _Recorder()
    rollouts = Rollouts("prm_gym/Deduction-v0", {"verifiers": [recorder]}, 1)
    trajectories = rollouts.play(make_agent("random", seed=0), groups(range(4), 1))
    assert [context for trajectory in trajectories for context in contexts(trajectory)] == recorder.seen


def test_new_verdicts_stand_beside_the_old_ones_and_are_named():
    rollouts = Rollouts("prm_gym/Deduction-v0", {}, 4)
    trajectories = rollouts.play(make_agent("random", seed=0), groups(range(3), 2))
    rescored = rescore(trajectories, make_verifiers(["arithmetic"]))
    for before, after in zip(trajectories, rescored, strict=True):
        assert [change.step for change in after.changes] == [f"{before.id}/{step.index}" for step in before.steps]
        for old, new in zip(before.steps, after.trajectory.steps, strict=True):
            assert new.verdicts["z3"] == old.verdicts["z3"]
            assert new.verdicts["arithmetic"].score is None
            assert new.reward == old.reward


def test_a_verifier_that_is_not_pure_is_refused():
    with pytest.raises(OptionError, match="not pure"):
        rescore([], [_Recorder(pure=False)])
