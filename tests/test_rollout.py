import math
from collections import Counter

import msgspec
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import prm_gym
from prm_gym import Malformed, Situation, StepEnv, Task, Transition, Verifier
from prm_gym.agent import Action, Agent, make_agent, prompt_of
from prm_gym.claims import Equality, Spoilt, decode_claims
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError
from prm_gym.rollout import Episode, Rollouts, groups, make_envs, success_rate
from prm_gym.trajectory import Trajectory
from prm_gym.verdict import abstained, judged


class LadderEnv(StepEnv):
    """Climb "up" as many rungs as the seed says, 1 to 6; "slip" ends with the outcome 0, "fault" breaks the infrastructure."""

    default_max_steps = 8

    def begin(self, options):
        self.rungs = options.get("rungs", int(self.np_random.integers(1, 7)))
        self.at = 0
        task = Task(key=f"ladder {self.np_random.integers(1 << 30)}", instructions="climb", question="up", sealed={"rungs": self.rungs})
        return task, self.look()

    def look(self):
        return Situation(observation=f"at {self.at}", state_key=f"{self.at}", actions=("up", "slip"))

    def advance(self, action):
        if action == "fault":
            raise EnvironmentFault("gone")
        if action not in ("up", "slip"):
            return Transition(situation=self.situation, claims=(Malformed("?"),))
        self.at += action == "up"
        over = self.at == self.rungs or action == "slip"
        claim = Equality(f"{self.at} + 0", f"{self.at}")
        return Transition(situation=self.look(), claims=(claim,), terminated=over, outcome=float(self.at == self.rungs) if over else None)

    def save_state(self):
        return [self.rungs, self.at]

    def load_state(self, state):
        self.rungs, self.at = state

    def solution(self):
        return ["up"] * self.rungs


prm_gym.register("test_rollout/Ladder-v0", f"{__name__}:LadderEnv")


class Watching(Verifier):
    """Counts its batches; cannot tell at every second step of an episode."""

    id = "watching"
    version = "1"

    def __init__(self):
        self.batches = []
        self.closed = 0

    def verify(self, steps):
        self.batches.append(len(steps))
        return [abstained("even") if len(step.previous) % 2 else judged("correct", 1.0, "") for step in steps]

    def close(self):
        self.closed += 1


class Texts(Agent):
    """Writes the same text, and remembers what it saw."""

    id = "texts"

    def __init__(self, text="up"):
        self.text = text
        self.batches = []

    def act(self, prompts):
        self.batches.append(list(prompts))
        return [Action(text=self.text, token_ids=(len(prompt.history),), logprobs=(-0.5,)) for prompt in prompts]


def _rollouts(num_envs=4, **options):
    return Rollouts("test_rollout/Ladder-v0", options, num_envs)


# Groups.


def test_groups_are_attempts_at_one_seed():
    episodes = groups([7, 9], 3, prefix="b-")
    assert [(e.seed, e.group_id, e.attempt, e.id) for e in episodes] == [
        (7, "b-7", 0, "b-7/0"),
        (7, "b-7", 1, "b-7/1"),
        (7, "b-7", 2, "b-7/2"),
        (9, "b-9", 0, "b-9/0"),
        (9, "b-9", 1, "b-9/1"),
        (9, "b-9", 2, "b-9/2"),
    ]
    assert groups([], 2) == []
    with pytest.raises(OptionError, match="attempts must be at least 1, got 0"):
        groups([1], 0)


@pytest.mark.parametrize("num_envs", [1, 3, 64])
def test_a_group_is_one_task_and_groups_are_several(num_envs):
    trajectories = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1}, num_envs).play(make_agent("random"), groups(range(5), 4))
    tasks = {}
    for trajectory in trajectories:
        tasks.setdefault(trajectory.group_id, set()).add(trajectory.task_key)
    assert Counter(trajectory.group_id for trajectory in trajectories) == {str(seed): 4 for seed in range(5)}
    assert all(len(keys) == 1 for keys in tasks.values())
    assert len(set.union(*tasks.values())) == 5


# Playing.


@pytest.mark.parametrize("num_envs", [1, 2, 5, 40])
def test_how_many_play_at_once_changes_nothing_but_the_batches(num_envs):
    episodes = groups(range(6), 2)
    alone = _rollouts(1, reward="dense", verifiers=["arithmetic"]).play(Texts(), episodes)
    assert _rollouts(num_envs, reward="dense", verifiers=["arithmetic"]).play(Texts(), episodes) == alone


def test_trajectories_come_in_the_order_of_the_episodes_and_stream_as_they_end():
    # Rungs 6, 1, 3: all start at once, so they end after 1, 3 and 6 steps.
    episodes = [Episode(0, name, 0, {"rungs": rungs}) for name, rungs in (("long", 6), ("short", 1), ("middle", 3))]
    assert [t.group_id for t in _rollouts(3).play(Texts(), episodes)] == ["long", "short", "middle"]
    assert [t.group_id for t in _rollouts(3).stream(Texts(), episodes)] == ["short", "middle", "long"]


def test_a_slot_that_ends_takes_the_next_episode_at_once():
    agent = Texts()
    episodes = [Episode(0, str(place), 0, {"rungs": rungs}) for place, rungs in enumerate((5, 1, 1, 1, 2))]
    _rollouts(2).play(agent, episodes)
    # One slot holds the long one for 5 steps, the other the rest, 1 + 1 + 1 + 2 steps: both are busy in all five batches.
    assert [len(batch) for batch in agent.batches] == [2, 2, 2, 2, 2]


def test_what_a_trajectory_holds():
    rollouts = _rollouts(2, reward="dense", verifiers=["arithmetic"])
    trajectory = rollouts.play(Texts(), [Episode(5, "g", 3, {"rungs": 2})])[0]
    assert (trajectory.id, trajectory.group_id, trajectory.seed, trajectory.agent) == ("g/3", "g", 5, "texts")
    assert (trajectory.env_id, trajectory.env_options) == ("test_rollout/Ladder-v0", {"reward": "dense", "verifiers": ["arithmetic"]})
    assert (trajectory.outcome, trajectory.valid, trajectory.truncated, trajectory.library_version) == (1.0, True, False, prm_gym.__version__)
    assert trajectory.task.sealed == {"rungs": 2}
    first, last = trajectory.steps
    assert (first.index, first.observation, first.action, first.actions) == (0, "at 0", "up", ("up", "slip"))
    assert (first.state_key, first.next_state_key, last.state_key, last.next_state_key) == ("0", "1", "1", "2")
    assert (first.terminated, last.terminated, last.truncated) == (False, True, False)
    assert (first.token_ids, last.token_ids, first.logprobs) == ((0,), (1,), (-0.5,))
    assert first.claims == (Equality("1 + 0", "1"),)
    assert first.verdicts["arithmetic"].label == "correct"
    # Horizon 8: 0.45 / 8 for each right step, and the outcome.
    assert (first.reward, last.reward) == (0.45 / 8, 1 + 0.45 / 8)
    assert trajectory.total_reward == first.reward + last.reward


def test_what_an_agent_is_shown():
    agent = Texts()
    _rollouts(1).play(agent, [Episode(5, "g", 0, {"rungs": 2})])
    first, second = (batch[0] for batch in agent.batches)
    assert (first.instructions, first.observation, first.actions, first.history) == ("climb", "at 0", ("up", "slip"), ())
    assert [(past.observation, past.action) for past in second.history] == [("at 0", "up")]
    assert first.environment is None
    assert first.episode == "g/0"
    assert first.task_key.startswith("ladder ")
    env = LadderEnv()
    env.reset(seed=1)
    assert prompt_of(env, privileged=True).environment is env


def test_an_agent_never_sees_what_is_sealed():
    agent = Texts()
    _rollouts(1, reward="dense", verifiers=["arithmetic"]).play(agent, [Episode(5, "g", 0, {"rungs": 2})])
    shown = msgspec.json.encode([msgspec.structs.replace(prompt, environment=None) for batch in agent.batches for prompt in batch]).decode()
    assert "rungs" not in shown
    assert "verdict" not in shown
    assert "equality" not in shown  # what a step claims may hold what only verifiers may see


def test_truncated_and_spoilt_episodes():
    cut = _rollouts(2, max_steps=3).play(Texts("what"), groups([1], 2))
    assert [(t.outcome, t.valid, t.truncated, len(t.steps)) for t in cut] == [(0.0, True, True, 3)] * 2
    spoilt = _rollouts(2).play(Texts("fault"), groups([1], 2))
    assert [(t.outcome, t.valid, t.truncated, len(t.steps), t.total_reward) for t in spoilt] == [(None, False, True, 1, 0.0)] * 2


class FailsAtSecond(Agent):
    """Goes up; from the second step on, what it stands on has failed in the episodes that are named."""

    id = "fails"

    def __init__(self, *names):
        self.names = names

    def act(self, prompts):
        failing = [bool(prompt.history) and prompt.episode in self.names for prompt in prompts]
        return [Action(text="", failure="the server died") if fails else Action(text="up") for fails in failing]


def test_an_agent_that_fails_spoils_its_episode_and_no_other():
    verifier = Watching()
    rollouts = _rollouts(2, verifiers=[verifier], reward="dense")
    sound, spoilt = rollouts.play(FailsAtSecond("b/0"), [Episode(0, "a", 0, {"rungs": 3}), Episode(0, "b", 0, {"rungs": 3})])
    assert (sound.valid, sound.outcome, len(sound.steps)) == (True, 1.0, 3)
    assert (spoilt.valid, spoilt.outcome, spoilt.truncated, len(spoilt.steps)) == (False, None, True, 2)
    last = spoilt.steps[-1]
    assert (last.action, last.reward, last.state_key, last.next_state_key) == ("", 0.0, "1", "1")
    assert last.claims == (Spoilt("the agent failed: the server died"),)
    assert (last.verdicts["watching"].status, last.verdicts["watching"].score, last.verdicts["watching"].version) == ("error", None, "1")
    assert verifier.batches == [2, 1, 1]  # it is not asked about a step that did not take place
    assert msgspec.json.decode(msgspec.json.encode(spoilt), type=Trajectory, dec_hook=decode_claims) == spoilt


def test_an_episode_can_be_spoilt_only_while_it_runs():
    env = LadderEnv()
    with pytest.raises(ResetNeeded):
        env.spoil("gone")
    env.reset(seed=1, options={"rungs": 3})
    assert env.spoil("gone")[1:4] == (0.0, False, True)
    with pytest.raises(ResetNeeded):
        env.step("up")


def test_the_action_is_recorded_as_it_was_taken():
    step = _rollouts(1, max_steps=1).play(Texts("\ud800" + "x" * 20_000), groups([1], 1))[0].steps[0]
    assert len(step.action) == 1 << 14
    assert step.action.startswith("?x")
    assert msgspec.json.decode(msgspec.json.encode(step.action)) == step.action


# Verifiers: one call a batch, and counts.


def test_each_verifier_is_asked_once_a_batch_and_abstentions_are_counted():
    verifier = Watching()
    rollouts = _rollouts(3, verifiers=[verifier, "arithmetic"])
    episodes = [Episode(0, str(rungs), 0, {"rungs": rungs}) for rungs in (4, 2, 1)]
    seen = []
    rollouts.play(Texts(), episodes, progress=seen.append)
    # All three, then two, then the long one alone, twice.
    assert verifier.batches == seen == [3, 2, 1, 1]
    assert rollouts.steps_taken == 7
    assert rollouts.verdicts_given == {"watching": 7, "arithmetic": 7}
    # `watching` cannot tell at the second and the fourth step: of the long one both, of the middle one the second.
    assert rollouts.abstentions == {"watching": 3, "arithmetic": 0}
    rollouts.play(Texts(), episodes[2:])
    assert rollouts.verdicts_given == {"watching": 8, "arithmetic": 8}


def test_verifiers_given_as_objects_stay_open():
    verifier = Watching()
    rollouts = _rollouts(2, verifiers=[verifier])
    rollouts.close()
    assert verifier.closed == 0
    assert "Watching" in str(rollouts.play(Texts(), groups([1], 1))[0].env_options["verifiers"])


def test_without_verifiers_nothing_is_counted():
    rollouts = _rollouts(2, verifiers=[])
    rollouts.play(Texts(), groups([1], 1))
    assert rollouts.verdicts_given == rollouts.abstentions == {}


# Mistakes.


def test_ids_must_be_distinct():
    with pytest.raises(OptionError, match="3 episodes have only 2 distinct ids"):
        _rollouts(2).play(None, [Episode(1, "a"), Episode(2, "a"), Episode(3, "b")])  # before anything is played


def test_an_agent_that_gives_too_few_actions_is_named():
    class Lazy(Texts):
        id = "lazy"

        def act(self, prompts):
            return super().act(prompts)[:-1]

    with pytest.raises(ContractError, match="agent 'lazy' gave 1 actions for 2 prompts"):
        _rollouts(2).play(Lazy(), groups([1], 2))


def test_unknown_environments_and_options():
    with pytest.raises(UnknownNameError, match="Did you mean 'test_rollout/Ladder-v0'"):
        Rollouts("test_rollout/Lader-v0")
    with pytest.raises(ContractError, match=r"CartPole-v1 is no step environment: register it with prm_gym\.register"):
        make_envs("CartPole-v1", 1, {})
    with pytest.raises(OptionError, match="Did you mean 'reward'"):
        _rollouts(2, rewrad="dense")
    with pytest.raises(OptionError, match="num_envs must be at least 1"):
        _rollouts(0)


def test_a_second_environment_under_one_id_is_refused():
    prm_gym.register("test_rollout/Ladder-v0", f"{__name__}:LadderEnv")
    with pytest.raises(prm_gym.PrmGymError, match=r"belongs to .*:LadderEnv; choose another id for somewhere:Else"):
        prm_gym.register("test_rollout/Ladder-v0", "somewhere:Else")


# Around it.


def test_the_task_of_a_seed():
    rollouts = _rollouts(2)
    env = LadderEnv()
    env.reset(seed=11)
    assert rollouts.task(11) == env.task == rollouts.task(11)
    assert rollouts.task(12).key != rollouts.task(11).key
    assert rollouts.play(Texts(), groups([11], 1))[0].task == rollouts.task(11)


def test_success_is_the_mean_over_valid_trajectories():
    good, bad = (_rollouts(1).play(Texts(text), groups([1], 1))[0] for text in ("up", "slip"))
    spoilt = _rollouts(1).play(Texts("fault"), groups([1], 1))[0]
    assert success_rate([good, bad, spoilt, good, good]) == 0.75
    assert math.isnan(success_rate([spoilt]))
    assert math.isnan(success_rate([]))


def test_seeds_drawn_with_numpy_can_be_stored():
    episodes = groups(np.random.default_rng(0).integers(1000, size=2), 1)
    played = _rollouts(2).play(Texts(), episodes)
    assert [trajectory.seed for trajectory in played] == [msgspec.json.decode(msgspec.json.encode(episode.seed)) for episode in episodes]
