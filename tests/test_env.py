import gymnasium as gym
import msgspec
import numpy as np
import pytest

from prm_gym import Malformed, Situation, StepEnv, Task, Transition, Verifier
from prm_gym.claims import Equality, Spoilt
from prm_gym.env import ACTION_LENGTH, OBSERVATION_LENGTH, option_names
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError
from prm_gym.rewards import DenseReward, JudgedStep, OutcomeReward
from prm_gym.rollout import Rollouts
from prm_gym.spaces import TextSpace
from prm_gym.task import Origin
from prm_gym.testing import NO_STEPS, STRANGE, check_step_env
from prm_gym.verdict import judged


class CountEnv(StepEnv):
    """Count up from 1 to the goal. "fault" breaks the infrastructure, "bug" is a mistake of ours."""

    default_max_steps = 5

    def __init__(self, *, goal=3, **options):
        super().__init__(**options)
        self.goal = goal

    def begin(self, options):
        self.offset = int(self.np_random.integers(100))
        self.count = 0
        task = Task(key=f"count-{self.goal}-{self.offset}", instructions="", question=f"Count to {self.goal}.", sealed={"goal": self.goal})
        return task, self.look()

    def look(self):
        return Situation(observation=f"{self.offset}: {self.count}", state_key=f"{self.offset}/{self.count}", actions=(str(self.count + 1), "0"))

    def advance(self, action):
        if action == "fault":
            raise EnvironmentFault("the server is gone")
        if action == "bug":
            return Transition(situation=self.situation, terminated=True)
        if action != str(self.count + 1):
            return Transition(situation=self.situation, claims=(Malformed("not the next number"),))
        self.count += 1
        over = self.count == self.goal
        return Transition(situation=self.look(), claims=(Equality(f"{self.count - 1} + 1", action),), terminated=over, outcome=1.0 if over else None)

    def truncation_outcome(self):
        return 0.5 * self.count / self.goal

    def save_state(self):
        return {"count": self.count, "offset": self.offset, "goal": self.goal}

    def load_state(self, state):
        self.count, self.offset, self.goal = state["count"], state["offset"], state["goal"]

    def solution(self):
        return [str(number) for number in range(1, self.goal + 1)]


class Closing(Verifier):
    """Counts how often it was closed, and what it was shown."""

    version = "1"

    def __init__(self, name="closing"):
        self.id = name
        self.closed = 0
        self.seen = []

    def verify(self, steps):
        self.seen += steps
        return [judged("correct", 1.0, "") for _ in steps]

    def close(self):
        self.closed += 1


def test_it_keeps_the_contract():
    check_step_env(CountEnv)


# Episodes.


def test_an_episode_that_is_finished():
    env = CountEnv(goal=2)
    observation, info = env.reset(seed=1)
    assert observation == env.situation.observation
    assert (info["task_key"], info["verdicts"], info["outcome"], info["valid"]) == (env.task.key, {}, None, True)
    assert info["actions"] == ("1", "0")
    _, reward, terminated, truncated, info = env.step("1")
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, False, None)
    _, reward, terminated, truncated, info = env.step("2")
    assert (reward, terminated, truncated, info["outcome"], info["valid"]) == (1.0, True, False, 1.0, True)
    assert [step.action for step in env.past_steps] == ["1", "2"]
    with pytest.raises(gym.error.ResetNeeded, match=r"reset\(\)"):
        env.step("3")
    assert env.reset()[1]["outcome"] is None
    assert env.past_steps == ()


def test_an_episode_that_is_cut_has_the_outcome_of_truncation():
    env = CountEnv(goal=3, max_steps=2)
    env.reset(seed=1)
    assert env.step("1")[1:4] == (0.0, False, False)
    # Two of three numbers are counted when the limit comes: 0.5 * 2 / 3.
    _, reward, terminated, truncated, info = env.step("2")
    assert (reward, terminated, truncated, info["outcome"], info["valid"]) == (0.5 * 2 / 3, False, True, 0.5 * 2 / 3, True)
    with pytest.raises(gym.error.ResetNeeded):
        env.step("3")


def test_what_ends_at_the_limit_is_finished_and_not_cut():
    env = CountEnv(goal=2, max_steps=2)
    env.reset(seed=1)
    env.step("1")
    _, reward, terminated, truncated, info = env.step("2")
    assert (reward, terminated, truncated, info["outcome"]) == (1.0, True, False, 1.0)


@pytest.mark.parametrize("reward", ["outcome", "dense", "potential"])
def test_a_fault_spoils_the_episode(reward):
    verifier = Closing()
    env = CountEnv(reward=reward, verifiers=[verifier])
    env.reset(seed=1)
    before = env.step("1")
    observation, number, terminated, truncated, info = env.step("fault")
    assert (number, terminated, truncated, info["outcome"], info["valid"]) == (0.0, False, True, None, False)
    assert (observation, info["state_key"]) == (before[0], before[4]["state_key"])
    assert env.past_steps[-1].claims == (Spoilt("the infrastructure failed: the server is gone"),)
    assert {(verdict.status, verdict.label, verdict.score) for verdict in info["verdicts"].values()} == {("error", None, None)}
    with pytest.raises(gym.error.ResetNeeded):
        env.step("2")


def test_a_fault_at_the_limit_has_no_outcome_either():
    env = CountEnv(max_steps=1)
    env.reset(seed=1)
    assert env.step("fault")[4]["outcome"] is None


def test_a_bug_in_an_environment_is_a_crash():
    env = CountEnv()
    env.reset(seed=1)
    with pytest.raises(ContractError, match=r"CountEnv.advance must give an outcome exactly when it terminates"):
        env.step("bug")


def test_before_the_first_reset():
    env = CountEnv()
    with pytest.raises(gym.error.ResetNeeded):
        env.step("1")
    with pytest.raises(ContractError, match=r"before the first reset\(\)"):
        _ = env.task
    with pytest.raises(ContractError, match=r"before the first reset\(\)"):
        env.snapshot()


def test_an_action_that_is_no_text_is_a_mistake_of_the_program():
    env = CountEnv()
    env.reset(seed=1)
    for action in (1, None, b"1", ["1"]):
        with pytest.raises(ContractError, match=f"an action is a str, got {type(action).__name__}"):
            env.step(action)
    assert env.step("1")[4]["state_key"].endswith("/1")


# Hostile texts.


@pytest.mark.parametrize("name", NO_STEPS)
def test_hostile_actions_are_malformed_steps(name):
    env = CountEnv(verifiers=["arithmetic"])
    _, before = env.reset(seed=1)
    _, reward, terminated, truncated, info = env.step(NO_STEPS[name])
    assert (reward, terminated, truncated, info["valid"]) == (0.0, False, False, True)
    assert info["state_key"] == before["state_key"]
    assert (info["verdicts"]["arithmetic"].label, info["verdicts"]["arithmetic"].score) == ("malformed", 0.0)
    # What is recorded can be stored: bounded, and encodable.
    assert len(env.past_steps[-1].action.encode("utf-8")) <= 4 * ACTION_LENGTH
    assert msgspec.json.decode(msgspec.json.encode(env.past_steps[-1].action)) == env.past_steps[-1].action


@pytest.mark.parametrize("text", STRANGE)
def test_strange_actions_reach_the_environment_unchanged(text):
    env = CountEnv()
    env.reset(seed=1)
    env.step(text)
    assert env.past_steps[-1].action == text


def test_the_bound_of_an_action_is_exact():
    env = CountEnv()
    env.reset(seed=1)
    env.step("a" * ACTION_LENGTH)
    assert env.past_steps[-1].claims == (Malformed("not the next number"),)
    env.step("a" * (ACTION_LENGTH + 1))
    assert env.past_steps[-1].claims == (Malformed("the action has 16,385 characters; at most 16,384 are read"),)
    assert len(env.past_steps[-1].action) == ACTION_LENGTH


def test_a_surrogate_is_told_and_replaced():
    env = CountEnv()
    env.reset(seed=1)
    env.step("1\ud800")
    assert env.past_steps[-1].action == "1?"
    assert env.past_steps[-1].claims == (Malformed("the action holds surrogates that no encoding can write"),)


# Options.


def test_options_have_defaults_and_spaces():
    env = CountEnv()
    assert (env.max_steps, env.render_mode, env.verifiers, env.reward_scheme.id, env.goal) == (5, None, (), "outcome", 3)
    assert (env.observation_space, env.action_space) == (TextSpace(OBSERVATION_LENGTH), TextSpace(ACTION_LENGTH))
    assert CountEnv(max_steps=7).max_steps == 7
    assert CountEnv(max_steps=None).max_steps == 5
    assert option_names(CountEnv) == ["goal", "max_steps", "render_mode", "reward", "verifiers"]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"gaol": 2}, OptionError, r"no option of CountEnv named 'gaol'. Did you mean 'goal'\? Known: goal, max_steps, render_mode, reward, verifiers"),
        ({"verifier": []}, OptionError, "Did you mean 'verifiers'"),
        ({"max_steps": 0}, OptionError, "max_steps .*got 0"),
        ({"max_steps": -3}, OptionError, "max_steps"),
        ({"max_steps": "5"}, OptionError, "max_steps"),
        ({"max_steps": 2.5}, OptionError, "max_steps"),
        ({"render_mode": "human"}, OptionError, "render_mode is None or 'ansi', got 'human'"),
        ({"verifiers": ["aritmetic"]}, UnknownNameError, r"no verifier named 'aritmetic'. Did you mean 'arithmetic'\?"),
        ({"verifiers": "arithmetic"}, OptionError, r"write \['arithmetic'\]"),
        ({"verifiers": ["arithmetic", "arithmetic"]}, OptionError, "two verifiers have the id 'arithmetic'"),
        ({"verifiers": [None]}, OptionError, "got None"),
        ({"reward": "dens"}, UnknownNameError, r"no reward scheme named 'dens'. Did you mean 'dense'\?"),
        ({"reward": {"id": "dense", "step_wieght": 1}}, OptionError, "Did you mean 'step_weight'"),
        ({"reward": {"step_weight": 1}}, OptionError, "a mapping with an 'id'"),
        ({"reward": 3}, OptionError, "a name, a mapping with an 'id', or a RewardScheme, got 3"),
    ],
)
def test_options_that_cannot_be_honoured(options, error, says):
    with pytest.raises(error, match=says):
        CountEnv(**options)


def test_ids_get_the_near_miss():
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `Deduction`"):
        gym.make("prm_gym/Deducton-v0")
    with pytest.raises(UnknownNameError, match=r"no environment named 'prm_gym/Deducton-v0'. Did you mean 'prm_gym/Deduction-v0'\?"):
        Rollouts("prm_gym/Deducton-v0")
    with pytest.raises(ContractError, match="CartPole-v1 is no step environment"):
        Rollouts("CartPole-v1")


@pytest.mark.parametrize(("env_id", "options"), [("prm_gym/Countdown-v0", {"task_idx": 0}), ("prm_gym/Deduction-v0", {"task_index": 0})])
def test_reset_options_that_nobody_knows_are_refused(env_id, options):
    with pytest.raises(OptionError, match=next(iter(options))):
        gym.make(env_id).reset(options=options)


def test_rendering():
    env = CountEnv(render_mode="ansi")
    observation, _ = env.reset(seed=1)
    assert env.render() == observation
    env.step("1")
    assert env.render() == env.situation.observation != observation
    silent = CountEnv()
    silent.reset(seed=1)
    assert silent.render() is None


# Verifiers and rewards.


def test_verifiers_made_from_names_are_ours_to_close_and_objects_are_the_callers():
    given, made = Closing("given"), []

    def factory():
        made.append(Closing("made"))
        return made[0]

    env = CountEnv(verifiers=[given, factory, "arithmetic"])
    assert [verifier.id for verifier in env.verifiers] == ["given", "made", "arithmetic"]
    env.close()
    env.close()
    assert given.closed == 0
    assert made[0].closed == 2  # a verifier's close() may be called twice


def test_what_a_verifier_is_shown():
    verifier = Closing()
    env = CountEnv(goal=2, verifiers=[verifier])
    first, _ = env.reset(seed=1)
    second = env.step("1")[0]
    env.step("2")
    one, two = verifier.seen
    assert (one.task, one.observation, one.action, one.claims, one.previous) == (env.task, first, "1", (Equality("0 + 1", "1"),), ())
    assert (one.terminated, one.truncated, one.outcome) == (False, False, None)
    assert (two.observation, two.action, two.terminated, two.outcome) == (second, "2", True, 1.0)
    assert [(past.observation, past.action, past.claims) for past in two.previous] == [(first, "1", (Equality("0 + 1", "1"),))]


def test_a_verifier_that_fails_does_not_end_the_episode():
    class Failing(Closing):
        def verify(self, steps):
            raise RuntimeError("no memory")

    env = CountEnv(verifiers=[Failing(), "arithmetic"], reward="dense")
    env.reset(seed=1)
    _, reward, _, _, info = env.step("1")
    assert (info["verdicts"]["closing"].status, info["verdicts"]["closing"].score) == ("error", None)
    assert info["verdicts"]["arithmetic"].label == "correct"
    # Only the verifier that can tell counts: step_weight / horizon * 1 = 0.45 / 5.
    assert reward == 0.45 / 5


def test_the_reward_is_a_python_number_whatever_the_scheme_returns():
    # Numpy's floats cannot be stored with the trajectory.
    class Numpy(OutcomeReward):
        def reward(self, step, previous):
            return np.float64(0.5)

    env = CountEnv(reward=Numpy())
    env.reset(seed=1)
    reward = env.step("1")[1]
    assert (type(reward), reward) == (float, 0.5)


def test_a_scheme_as_object_sees_the_whole_episode():
    class Watching(OutcomeReward):
        def __init__(self):
            super().__init__()
            self.lengths = []

        def reward(self, step, previous):
            self.lengths.append((len(previous), step.ends))
            return super().reward(step, previous)

    scheme = Watching()
    env = CountEnv(goal=2, reward=scheme)
    for _ in range(2):
        env.reset(seed=1)
        env.step("1")
        env.step("2")
    assert scheme.lengths == [(0, False), (1, True)] * 2


def test_the_horizon_of_a_scheme_is_the_step_limit():
    assert CountEnv(max_steps=9, reward="dense").reward_scheme.per_step == DenseReward(9).per_step == 0.45 / 9
    assert CountEnv(reward={"id": "dense", "step_weight": 0.1}).reward_scheme.per_step == 0.1 / 5


def test_the_info_of_one_step_is_not_that_of_another():
    env = CountEnv(verifiers=["arithmetic"])
    _, info = env.reset(seed=1)
    info["verdicts"]["mine"] = info["actions"] = None
    *_, info = env.step("1")
    assert set(info["verdicts"]) == {"arithmetic"}
    info["verdicts"].clear()
    assert env.step("2")[4]["verdicts"]["arithmetic"].label == "correct"


# Snapshots.


def test_a_snapshot_holds_the_history_that_rewards_and_verifiers_need():
    # Potential shaping needs the earlier verdicts: 0.5 after the first step, so F = 1 - 0.5 in the second, whoever takes it.
    class Half(Closing):
        def verify(self, steps):
            return [judged("neutral", 0.5, "") if not step.previous else judged("correct", 1.0, "") for step in steps]

    env = CountEnv(reward="potential", verifiers=[Half()])
    env.reset(seed=1)
    assert env.step("1")[1] == 0.5
    saved = env.snapshot()
    other = CountEnv(reward="potential", verifiers=[Half()])
    other.restore(saved)
    assert other.past_steps == env.past_steps
    assert other.step("2")[1] == env.step("2")[1] == 0.5


def test_a_snapshot_of_an_ended_episode_is_ended():
    env = CountEnv(goal=1)
    env.reset(seed=1)
    env.step("1")
    other = CountEnv()
    other.reset(seed=2)
    other.restore(env.snapshot())
    with pytest.raises(gym.error.ResetNeeded):
        other.step("1")


def test_a_snapshot_holds_the_random_generator():
    env = CountEnv()
    env.reset(seed=1)
    other = CountEnv()
    other.restore(env.snapshot())
    assert [other.reset()[0] for _ in range(5)] == [env.reset()[0] for _ in range(5)]


def test_what_is_no_snapshot_is_refused():
    env = CountEnv()
    for junk in (b"", b"junk", msgspec.msgpack.encode({"env": "CountEnv"})):
        with pytest.raises(ContractError, match="these bytes are no snapshot"):
            env.restore(junk)

    class OtherEnv(CountEnv):
        pass

    env.reset(seed=1)
    with pytest.raises(ContractError, match="a snapshot of CountEnv cannot be restored into OtherEnv"):
        OtherEnv().restore(env.snapshot())
    with pytest.raises(ContractError, match="a snapshot is bytes, got str"):
        env.restore("junk")


# Batches.


def test_a_batch_of_steps_is_the_steps_one_by_one():
    verifier = Closing()
    together, alone = [CountEnv(verifiers=[verifier]) for _ in range(3)], [CountEnv(verifiers=[Closing()]) for _ in range(3)]
    for seed, (one, other) in enumerate(zip(together, alone, strict=True)):
        assert one.reset(seed=seed) == other.reset(seed=seed)
    actions = ["1", "fault", "x" * 20_000]
    assert StepEnv.step_batch(together, actions, [verifier]) == [env.step(action) for env, action in zip(alone, actions, strict=True)]
    assert len(verifier.seen) == 3
    with pytest.raises(ValueError, match="shorter"):
        StepEnv.step_batch(together, ["1"], [])


def test_judged_steps_default_to_the_middle_of_an_episode():
    assert JudgedStep({}) == JudgedStep({}, None, False)


def test_changed_bytes_are_no_snapshot():
    env = CountEnv()
    env.reset(seed=1)
    env.step("1")
    saved = env.snapshot()
    told = 0
    for place in range(0, len(saved), 3):
        changed = saved[:place] + bytes([saved[place] ^ 0x55]) + saved[place + 1 :]
        try:
            CountEnv().restore(changed)
        except ContractError:
            told += 1
    assert told > len(saved) // 12


def test_an_episode_can_be_begun_once_more():
    env, other = CountEnv(), CountEnv()
    assert env.origin is None
    first = env.reset(seed=7)
    assert env.origin == Origin.of_seed(7)
    env.step("1")
    kept = env.origin
    second = env.reset()  # the generator goes on
    assert second != first
    assert env.origin != kept
    assert other.rewind(env.origin) == second
    assert other.rewind(kept) == first
    assert env.rewind(kept) == first
    env.step("1")
    other.restore(env.snapshot())
    assert other.origin == kept
    other.reset(seed=1, options={"what": object()})
    assert other.origin is None
    other.reset(seed=1, options={"goal": 2})
    assert other.origin == Origin.of_seed(1, {"goal": 2})
    with pytest.raises(ContractError, match="no random state"):
        other.rewind(Origin("{}"))


def test_a_verifier_is_told_how_the_episode_began():
    seen = []

    class Looking(Verifier):
        id, version = "looking", "1"

        def verify(self, steps):
            seen.extend(step.origin for step in steps)
            return [judged("correct", 1.0, "") for _ in steps]

    env = CountEnv(verifiers=[Looking()])
    env.reset(seed=4)
    env.step("1")
    assert seen == [Origin.of_seed(4)]


def test_chance_can_be_drawn_anew():
    env, other = CountEnv(), CountEnv()
    for each, seed in ((env, 1), (other, 2)):
        each.reset(seed=seed)
        each.reseed(9)
    assert env.reset() == other.reset()
