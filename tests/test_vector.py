"""The vector form is N scalar environments, step for step, with each verifier called once a batch."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import prm_gym.vector
from prm_gym import Malformed, Situation, StepEnv, StepVectorEnv, Task, Transition, Verifier
from prm_gym.claims import Equality
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.registration import ENVIRONMENTS
from prm_gym.spaces import TextSpace
from prm_gym.testing import NO_STEPS
from prm_gym.verdict import judged

MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


class StairsEnv(StepEnv):
    """Climb "up" one to three stairs, as many as the seed says; "fault" breaks the infrastructure."""

    default_max_steps = 4

    def begin(self, options):
        self.left = options.get("stairs", int(self.np_random.integers(1, 4)))
        self.start = int(self.np_random.integers(1000))
        return Task(key=f"stairs {self.start}", instructions="", question=""), self.look()

    def look(self):
        return Situation(observation=f"{self.start}: {self.left} left", state_key=f"{self.start} {self.left}", actions=("up",) * (self.left > 0))

    def advance(self, action):
        if action == "fault":
            raise EnvironmentFault("gone")
        if action != "up":
            return Transition(situation=self.situation, claims=(Malformed("not up"),))
        self.left -= 1
        claim = Equality(f"{self.left} + 1", f"{self.left + 1}")
        return Transition(situation=self.look(), claims=(claim,), terminated=self.left == 0, outcome=1.0 if self.left == 0 else None)

    def save_state(self):
        return [self.left, self.start]

    def load_state(self, state):
        self.left, self.start = state

    def solution(self):
        return ["up"] * self.left


class Counting(Verifier):
    """Counts its calls, and how many steps came in each."""

    id = "counting"
    version = "1"

    def __init__(self):
        self.batches = []
        self.closed = 0

    def verify(self, steps):
        self.batches.append(len(steps))
        return [judged("correct", 1.0, step.action) for step in steps]

    def close(self):
        self.closed += 1


def _actions(rng, count):
    return [("up", "up", "no", "", "fault")[int(i)] for i in rng.integers(0, 5, count)]


def _same_info(columns, row, info):
    """Whether the row of the batched info is the info of the scalar environment."""
    assert all(columns[f"_{key}"][row] for key in ("task_key", "state_key", "actions", "valid", "verdicts"))
    for key in ("task_key", "state_key", "actions", "valid"):
        assert columns[key][row] == info[key]
    assert columns["_outcome"][row] == (info["outcome"] is not None)
    assert np.isnan(columns["outcome"][row]) if info["outcome"] is None else columns["outcome"][row] == info["outcome"]
    assert {name: column[row] for name, column in columns["verdicts"].items() if name[0] != "_" and column[row] is not None} == info["verdicts"]


# Against scalar environments.


@pytest.mark.parametrize("reward", ["outcome", "dense", "potential"])
def test_it_is_n_scalar_environments_step_for_step(reward):
    envs = StepVectorEnv(StairsEnv, 5, AutoresetMode.DISABLED, reward=reward, verifiers=["arithmetic"])
    alone = [StairsEnv(reward=reward, verifiers=["arithmetic"]) for _ in range(5)]
    rng = np.random.default_rng(0)
    observations, columns = envs.reset(seed=3)
    for row, env in enumerate(alone):
        observation, info = env.reset(seed=3 + row)
        assert observations[row] == observation
        _same_info(columns, row, info)
    finished = spoilt = 0
    for _ in range(40):
        actions = _actions(rng, 5)
        observations, rewards, terminated, truncated, columns = envs.step(actions)
        for row, env in enumerate(alone):
            observation, number, ended, cut, info = env.step(actions[row])
            assert (observations[row], rewards[row], terminated[row], truncated[row]) == (observation, number, ended, cut)
            _same_info(columns, row, info)
            finished += ended
            spoilt += not info["valid"]
        over = terminated | truncated
        if over.any():
            observations, columns = envs.reset(options={"reset_mask": over})
            for row in np.flatnonzero(over):
                observation, info = alone[row].reset()
                assert observations[row] == observation
                _same_info(columns, row, info)
    assert finished > 5
    assert spoilt > 5


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_registered_environments_are_their_scalar_forms(env_id):
    count = 2 if env_id == "prm_gym/MCP-v0" else 4  # each of its environments begins with a server of its own
    envs = gym.make_vec(env_id, num_envs=count, vectorization_mode="vector_entry_point", autoreset_mode=AutoresetMode.DISABLED, reward="dense")
    alone = [gym.make(env_id, reward="dense").unwrapped for _ in range(count)]
    envs.reset(seed=10)
    infos = [env.reset(seed=10 + row)[1] for row, env in enumerate(alone)]
    rng = np.random.default_rng(0)
    for _ in range(2):
        actions = [info["actions"][int(rng.integers(len(info["actions"])))] if info["actions"] else "2 + 2 = 5" for info in infos]
        observations, rewards, terminated, truncated, columns = envs.step(actions)
        results = [env.step(action) for env, action in zip(alone, actions, strict=True)]
        infos = [result[4] for result in results]
        assert observations == tuple(result[0] for result in results)
        assert [*zip(rewards.tolist(), terminated.tolist(), truncated.tolist(), strict=True)] == [result[1:4] for result in results]
        for row, info in enumerate(infos):
            _same_info(columns, row, info)
        envs.reset(options={"reset_mask": terminated | truncated})
        for row in np.flatnonzero(terminated | truncated):
            infos[row] = alone[row].reset()[1]
    envs.close()


def test_hostile_texts_in_a_batch_spoil_no_neighbour():
    envs = StepVectorEnv(StairsEnv, len(NO_STEPS) + 1, verifiers=["arithmetic"])
    envs.reset(seed=0)
    _, _, _, _, columns = envs.step([*NO_STEPS.values(), "up"])
    labels = [verdict.label for verdict in columns["verdicts"]["arithmetic"]]
    assert labels == ["malformed"] * len(NO_STEPS) + ["correct"]


# The verifiers.


def test_each_verifier_is_called_once_a_batch():
    verifier = Counting()
    envs = StepVectorEnv(StairsEnv, 6, AutoresetMode.NEXT_STEP, verifiers=[verifier, "arithmetic"])
    envs.reset(seed=0, options={"stairs": 3})
    envs.reset(options={"stairs": 1, "reset_mask": np.array([True, False, False, True, False, False])})
    assert verifier.batches == []
    *_, columns = envs.step(["up"] * 6)
    assert verifier.batches == [6]
    # The verdict of each row is that of its own step.
    assert [verdict.reason for verdict in columns["verdicts"]["counting"]] == ["up"] * 6
    *_, columns = envs.step(["up"] * 6)
    # The two that ended are reset in this step and take none, so nothing is judged there.
    assert verifier.batches == [6, 4]
    assert columns["verdicts"]["_counting"].tolist() == [False, True, True, False, True, True]
    assert [verdict is None for verdict in columns["verdicts"]["counting"]] == [True, False, False, True, False, False]


def test_verifiers_are_made_once_and_shared():
    made = []

    def factory():
        made.append(Counting())
        return made[-1]

    given = Counting()
    given.id = "given"
    envs = StepVectorEnv(StairsEnv, 3, verifiers=[factory, given])
    assert len(made) == 1
    assert all(env.verifiers == (made[0], given) for env in envs.envs)
    envs.close()
    envs.close()
    assert (made[0].closed, given.closed) == (1, 0)


def test_the_default_verifiers_of_a_class_are_shared_too():
    envs = gym.make_vec("prm_gym/Countdown-v0", num_envs=3, vectorization_mode="vector_entry_point").unwrapped
    assert {id(env.verifiers[0]) for env in envs.envs} == {id(envs.verifiers[0])}
    none = gym.make_vec("prm_gym/Countdown-v0", num_envs=2, vectorization_mode="vector_entry_point", verifiers=[]).unwrapped
    none.reset(seed=0)
    assert none.step(["no", "no"])[4]["verdicts"] == {}


# Autoreset, as Gymnasium's own vector environment does it.


@pytest.mark.parametrize("mode", MODES)
def test_autoreset_is_that_of_gymnasium(mode):
    ours = StepVectorEnv(StairsEnv, 4, mode, verifiers=[])
    theirs = SyncVectorEnv([lambda: StairsEnv(verifiers=[])] * 4, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"] is mode
    assert ours.reset(seed=5)[0] == theirs.reset(seed=5)[0]
    rng = np.random.default_rng(1)
    ends = 0
    for _ in range(60):
        actions = _actions(rng, 4)
        mine, other = ours.step(actions), theirs.step(tuple(actions))
        assert mine[0] == other[0]
        for one, two in zip(mine[1:4], other[1:4], strict=True):
            assert one.tolist() == two.tolist()
            assert one.dtype == two.dtype
        for key in ("task_key", "state_key", "actions", "valid"):
            assert mine[4][key].tolist() == other[4][key].tolist()
            assert mine[4][f"_{key}"].tolist() == other[4][f"_{key}"].tolist()
        _same_final(mine[4], other[4])
        over = mine[2] | mine[3]
        ends += int(over.sum())
        if mode is AutoresetMode.DISABLED and over.any():
            assert ours.reset(options={"reset_mask": over.copy()})[0] == theirs.reset(options={"reset_mask": over.copy()})[0]
    assert ends > 20


def _same_final(mine, other):
    assert ("final_obs" in mine) == ("final_obs" in other)
    if "final_obs" not in other:
        return
    assert mine["final_obs"].tolist() == other["final_obs"].tolist()
    for mask in ("_final_obs", "_final_info"):
        assert mine[mask].tolist() == other[mask].tolist()
    rows = np.flatnonzero(other["_final_info"])
    for key in ("task_key", "state_key", "valid"):
        assert mine["final_info"][key][rows].tolist() == other["final_info"][key][rows].tolist()
    for row in rows:
        theirs = other["final_info"]["outcome"][row]
        assert mine["final_info"]["_outcome"][row] == (theirs is not None and not np.isnan(theirs))


def test_next_step_in_words():
    # One stair: the first step ends the episode, the second only resets (whatever the action), the third steps again.
    envs = StepVectorEnv(StairsEnv, 1, "NextStep", verifiers=[])
    envs.reset(seed=0, options={"stairs": 1})
    observations, rewards, terminated, _, columns = envs.step(["up"])
    assert (rewards.tolist(), terminated.tolist(), columns["outcome"].tolist()) == ([1.0], [True], [1.0])
    assert observations[0].endswith(": 0 left")
    observations, rewards, terminated, truncated, columns = envs.step(["fault"])
    assert (rewards.tolist(), terminated.tolist(), truncated.tolist(), columns["_outcome"].tolist()) == ([0.0], [False], [False], [False])
    assert not observations[0].endswith(": 0 left")
    assert envs.envs[0].past_steps == ()
    envs.step(["up"])
    assert len(envs.envs[0].past_steps) == 1


def test_same_step_in_words():
    envs = StepVectorEnv(StairsEnv, 2, AutoresetMode.SAME_STEP, verifiers=["arithmetic"])
    envs.reset(seed=0, options={"stairs": 1})
    begun = envs.envs[0].task.key
    observations, rewards, terminated, _, columns = envs.step(["up", "no"])
    assert rewards.tolist() == [1.0, 0.0]
    assert terminated.tolist() == [True, False]
    # The last observation and info of the old episode, the first of the new one.
    assert columns["final_obs"][0].endswith(": 0 left")
    assert columns["final_obs"][1] is None
    assert columns["final_info"]["task_key"][0] == begun != columns["task_key"][0]
    assert columns["final_info"]["outcome"][0] == 1.0
    assert columns["final_info"]["verdicts"]["arithmetic"][0].label == "correct"
    assert columns["_final_info"].tolist() == columns["_final_obs"].tolist() == [True, False]
    assert columns["verdicts"]["arithmetic"][0] is None
    assert columns["verdicts"]["arithmetic"][1].label == "malformed"
    assert observations[0] == envs.envs[0].situation.observation


def test_a_mode_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="Sometimes"):
        StepVectorEnv(StairsEnv, 1, "Sometimes")


# Resets and sizes.


def test_seeds():
    envs = StepVectorEnv(StairsEnv, 3, verifiers=[])
    expected = tuple(StairsEnv().reset(seed=seed)[0] for seed in (7, 8, 9))
    assert envs.reset(seed=7)[0] == envs.reset(seed=[7, 8, 9])[0] == expected
    assert envs.reset()[0] != expected
    with pytest.raises(OptionError, match="got 2 seeds for 3 environments"):
        envs.reset(seed=[1, 2])


def test_a_mask_resets_only_what_it_marks():
    envs = StepVectorEnv(StairsEnv, 3, AutoresetMode.DISABLED, verifiers=[])
    before, _ = envs.reset(seed=7)
    after, columns = envs.reset(seed=[1, 2, 3], options={"reset_mask": np.array([False, True, False])})
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] == StairsEnv().reset(seed=2)[0]
    assert columns["_task_key"].tolist() == columns["_valid"].tolist() == [False, True, False]
    assert columns["task_key"].tolist() == [None, envs.envs[1].task.key, None]
    options = {"reset_mask": np.array([True, False, False]), "stairs": 2}
    assert envs.reset(options=options)[0][0].endswith(": 2 left")
    assert "reset_mask" in options  # what the caller gave stays as it is


@pytest.mark.parametrize("mask", [[True, False], np.array([1, 0, 1]), np.array([True, False]), np.array([[True, False, True]])])
def test_masks_that_do_not_fit(mask):
    envs = StepVectorEnv(StairsEnv, 3, verifiers=[])
    with pytest.raises(OptionError, match=r"reset_mask must be a bool array of shape \(3,\)"):
        envs.reset(options={"reset_mask": mask})


def test_ended_environments_must_be_reset_when_autoreset_is_off():
    envs = StepVectorEnv(StairsEnv, 3, AutoresetMode.DISABLED, verifiers=[])
    envs.reset(seed=0, options={"stairs": 1})
    envs.step(["no", "up", "no"])
    with pytest.raises(ContractError, match=r"environments \[1\] have ended"):
        envs.step(["up"] * 3)
    assert [len(env.past_steps) for env in envs.envs] == [1, 1, 1]
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    envs.step(["up"] * 3)


def test_wrong_sizes():
    with pytest.raises(OptionError, match="num_envs must be at least 1, got 0"):
        StepVectorEnv(StairsEnv, 0)
    envs = StepVectorEnv(StairsEnv, 2, verifiers=[])
    envs.reset(seed=0)
    for actions in ([], ["up"], ["up"] * 3):
        with pytest.raises(ContractError, match=f"got {len(actions)} actions for 2 environments"):
            envs.step(actions)
    with pytest.raises(OptionError, match="got 3 values for 2 environments"):
        envs.set_attr("left", [1, 2, 3])


def test_steps_before_the_first_reset():
    with pytest.raises(gym.error.ResetNeeded):
        StepVectorEnv(StairsEnv, 2).step(["up", "up"])


@pytest.mark.parametrize("actions", [["fact1 -> int1: {A}", 3], ["fact1 -> int1: {A}", None]])
def test_a_refused_batch_changes_nothing(actions):
    envs = gym.make_vec("prm_gym/Deduction-v0", num_envs=2, vectorization_mode="vector_entry_point", difficulty=1).unwrapped
    before, _ = envs.reset(seed=0)
    with pytest.raises(ContractError, match="an action is a str"):
        envs.step(actions)
    with pytest.raises(ContractError, match="got one text for 2 environments"):
        envs.step("ab")
    assert tuple(env.situation.observation for env in envs.envs) == before
    assert [env.past_steps for env in envs.envs] == [(), ()]
    assert envs.step(["fact1 -> int1: {A}", "UNKNOWN"])[0][0].endswith("int1: {A}   (fact1)")


def test_options_reach_every_environment_and_unknown_ones_are_refused():
    envs = gym.make_vec("prm_gym/Countdown-v0", num_envs=2, vectorization_mode="vector_entry_point", difficulty=1, reward="dense", max_steps=3).unwrapped
    assert [(env.difficulty, env.reward_scheme.id, env.max_steps) for env in envs.envs] == [(1, "dense", 3)] * 2
    with pytest.raises(OptionError, match="Did you mean 'difficulty'"):
        gym.make_vec("prm_gym/Countdown-v0", num_envs=2, vectorization_mode="vector_entry_point", dificulty=1)


def test_spaces_attributes_and_rendering():
    envs = StepVectorEnv(StairsEnv, 2, verifiers=[], render_mode="ansi")
    observations, _ = envs.reset(seed=0)
    assert envs.single_action_space == TextSpace(1 << 14)
    assert observations in envs.observation_space
    assert envs.action_space.sample() in envs.action_space
    assert envs.render() == observations
    assert envs.call("solution") == tuple(["up"] * left for left in envs.get_attr("left"))
    envs.set_attr("left", [5, 6])
    assert envs.get_attr("left") == (5, 6)
    envs.set_attr("left", 4)
    assert envs.call("left") == (4, 4)


def test_the_vector_entry_point_of_what_is_no_step_environment():
    with pytest.raises(AttributeError, match="is no StepEnv"):
        getattr(prm_gym.vector, "prm_gym.task.Task")
    assert not hasattr(prm_gym.vector, "nothing")


class WeighingEnv(StairsEnv):
    """Stairs whose steps are weighed beforehand, all of a batch at once."""

    batches = []  # noqa: RUF012 - what `prepare` was called with, since the test cleared it

    @classmethod
    def prepare(cls, envs, actions):
        WeighingEnv.batches.append((cls, [env.left for env in envs], list(actions)))


class HeavierEnv(WeighingEnv):
    """Another class."""


def test_a_batch_is_prepared_once_a_class_before_anything_moves():
    envs = [kind() for kind in (WeighingEnv, StairsEnv, HeavierEnv, WeighingEnv)]
    for left, env in enumerate(envs, start=1):
        env.reset(seed=0, options={"stairs": left})
    WeighingEnv.batches.clear()
    StepEnv.step_batch(envs, ["up", "up", "down", "\ud800"], ())
    assert sorted(WeighingEnv.batches, key=str) == sorted([(WeighingEnv, [1, 4], ["up", "\ud800"]), (HeavierEnv, [3], ["down"])], key=str)
    WeighingEnv.batches.clear()
    envs[3].step("up")  # a single step prepares nothing
    assert WeighingEnv.batches == []
    with pytest.raises(gym.error.ResetNeeded):  # nor does a batch that cannot be stepped
        StepEnv.step_batch([envs[3], StairsEnv()], ["up", "up"], ())
    assert WeighingEnv.batches == []
