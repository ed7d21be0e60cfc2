"""OpenEnv, the real package: our environments behind its server, and its servers as environments of ours."""

import socket
import threading
import time
from contextlib import contextmanager

import gymnasium as gym
import pytest

import prm_gym
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError

openenv = pytest.importorskip("openenv")
uvicorn = pytest.importorskip("uvicorn")
msgspec = pytest.importorskip("msgspec")

ENV = "prm_gym/Deduction-v0"
OPTIONS = {"reward": "dense", "difficulty": 1, "verifiers": ["z3"]}


@contextmanager
def served(app):
    """The address of a server of the application, on the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(15)


@pytest.fixture(scope="module")
def ours():
    from prm_gym.integrations.openenv import app_of

    with served(app_of(ENV, OPTIONS, max_sessions=2)) as url:
        yield url


def _actions(seed):
    """A wrong step, a text that is none, and then the known proof."""
    env = gym.make(ENV, **OPTIONS)
    env.reset(seed=seed)
    actions = ["fact1 & fact2 -> int1: {Z}", "nonsense", *env.unwrapped.solution()]
    env.close()
    return actions


def test_their_client_sees_the_episode_that_is_played_here(ours):
    client = openenv.GenericEnvClient(base_url=ours).sync()
    local = gym.make(ENV, **OPTIONS)
    with client:
        for seed in (3, 4):
            result, (text, info) = client.reset(seed=seed), local.reset(seed=seed)
            assert (result.observation["text"], result.observation["state_key"], result.reward, result.done) == (text, info["state_key"], None, False)
            rewards = []
            for action in _actions(seed):
                result = client.step({"text": action})
                text, reward, terminated, truncated, info = local.step(action)
                rewards.append(reward)
                seen = result.observation
                assert (seen["text"], result.reward, result.done) == (text, reward, terminated or truncated)
                assert (seen["terminated"], seen["truncated"], seen["outcome"], seen["valid"]) == (terminated, truncated, info["outcome"], True)
                assert seen["step_rewards"] == rewards  # declared fields, since metadata may be dropped on the way
                assert msgspec.convert(seen["verdicts"], dict[str, prm_gym.Verdict]) == info["verdicts"]
            assert result.observation["outcome"] == 0.0  # the wrong step has taken the name that the proof then uses
            assert client.state()["step_count"] == len(rewards)
    local.close()


def test_a_server_of_ours_is_the_environment_itself(ours):
    """Whole episodes: what is seen, paid, judged and ended is what the environment says here."""
    remote, local = gym.make("prm_gym/OpenEnv-v0", base_url=ours), gym.make(ENV, **OPTIONS)
    for seed in (3, 5):
        (text, info), (expected, known) = remote.reset(seed=seed), local.reset(seed=seed)
        assert (text, info["task_key"], info["state_key"], info["actions"]) == (expected, known["task_key"], known["state_key"], known["actions"])
        for action in _actions(seed):
            (*here, info), (*there, known) = remote.step(action), local.step(action)
            assert here == there
            assert {key: info[key] for key in known} == known  # verdicts, outcome, state_key, actions ...
            assert info["server"] == {"reward": there[1]}
        assert info["outcome"] == 0.0
    remote.reset(seed=3)
    for action in _actions(3)[1:]:
        *_, info = remote.step(action)
    assert info["outcome"] == 1.0
    remote.close()
    local.close()


def test_without_a_seed_the_episode_can_be_rewound(ours):
    env = gym.make("prm_gym/OpenEnv-v0", base_url=ours).unwrapped
    first, info = env.reset(seed=9)
    assert env.rewind(env.origin) == (first, info)
    other, _ = env.reset()
    assert other != first
    assert env.rewind(env.origin)[0] == other
    env.close()


def test_truncation_is_told_apart():
    from prm_gym.integrations.openenv import app_of

    with served(app_of(ENV, {**OPTIONS, "max_steps": 2})) as url:
        env = gym.make("prm_gym/OpenEnv-v0", base_url=url)
        env.reset(seed=1)
        assert env.step("nonsense")[2:4] == (False, False)
        _, _, terminated, truncated, info = env.step("nonsense")
        assert (terminated, truncated, info["outcome"], info["valid"]) == (False, True, 0.0, True)
        env.close()


def test_rollouts_and_our_reward_schemes_work_on_a_server(ours):
    from prm_gym.agent import make_agent
    from prm_gym.rollout import Rollouts, groups

    rollouts = Rollouts("prm_gym/OpenEnv-v0", {"base_url": ours, "reward": "outcome"}, num_envs=2)
    trajectories = rollouts.play(make_agent("random", seed=0), groups(range(2), attempts=1))
    assert all(trajectory.valid for trajectory in trajectories)
    for trajectory in trajectories:
        assert trajectory.total_reward == trajectory.outcome
        assert all("z3" in step.verdicts for step in trajectory.steps)
    rollouts.close()


def test_a_third_session_is_refused(ours):
    """Two are allowed: the third is told so, and trains nobody."""
    envs = [gym.make("prm_gym/OpenEnv-v0", base_url=ours).unwrapped for _ in range(3)]
    for env in envs[:2]:
        env.reset(seed=0)
    with pytest.raises(EnvironmentFault, match="CAPACITY_REACHED"):
        envs[2].reset(seed=0)
    for env in envs:
        env.close()


def test_their_environment_is_one_of_ours():
    """A counter that is done at 3, with a schema of its own; it pays 1/2 for every step but the first, so 1 in all."""
    from openenv.core.env_server import create_app
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class Add(Action):
        amount: int
        note: str = ""

    class Count(Observation):
        total: int
        goal: str = "reach 3"

    class Counter(Environment):
        def __init__(self):
            super().__init__()
            self.total = 0

        def reset(self, seed=None, episode_id=None, **others):
            self.total = 0
            return Count(total=0)

        def step(self, action, timeout_s=None, **others):
            if action.amount == 13:
                raise RuntimeError("the counter broke")
            if action.amount == 7:
                time.sleep(6.0)
            self.total += action.amount
            return Count(total=self.total, done=self.total >= 3, reward=None if self.total == 1 else 0.5)

        @property
        def state(self):
            return State()

    with served(create_app(Counter, Add, Count)) as url:
        env = gym.make("prm_gym/OpenEnv-v0", base_url=url)
        text, info = env.reset(seed=0)
        assert text == '{"goal": "reach 3", "total": 0}'
        assert "amount" in env.unwrapped.task.instructions
        text, reward, terminated, truncated, malformed = env.step("three")
        assert (reward, terminated, malformed["state_key"]) == (0.0, False, info["state_key"])
        rewards = []
        for _ in range(3):
            _, reward, terminated, truncated, info = env.step('{"amount": 1}')
            rewards.append(reward)
        assert rewards == [0.0, 0.5, 0.5]
        assert (terminated, truncated, info["outcome"], info["server"]["observation"]["total"]) == (True, False, 1.0, 3)
        # An error of the server spoils the episode; nobody is trained by it, and the next one has a session of its own.
        env.reset(seed=0)
        _, reward, terminated, truncated, info = env.step('{"amount": 13}')
        assert (reward, terminated, truncated, info["valid"], info["outcome"]) == (0.0, False, True, False, None)
        assert env.reset(seed=0)[0] == '{"goal": "reach 3", "total": 0}'
        env.close()
        # Neither does one that is silent.
        env = gym.make("prm_gym/OpenEnv-v0", base_url=url, deadline=3.0)
        env.reset(seed=0)
        begun = time.monotonic()
        *_, info = env.step('{"amount": 7}')
        assert (info["valid"], info["outcome"]) == (False, None)
        assert time.monotonic() - begun < 6.0
        env.close()


@pytest.fixture
def pens():
    """An environment of theirs in which a solution is written step by step, and paid by a verifier of ours."""
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class Write(Action):
        text: str

    class Written(Observation):
        text: str = ""

    class Pens(Environment):
        def __init__(self, rubric):
            super().__init__(rubric=rubric)

        def reset(self, seed=None, episode_id=None, **others):
            self.rubric.pose("3 boxes of 4 pens and 5 more: how many pens?", "17")
            return Written(text="3 boxes of 4 pens and 5 more: how many pens?")

        def step(self, action, timeout_s=None, **others):
            seen = Written(text="go on", done="answer" in action.text)
            seen.reward = self._apply_rubric(action, seen)
            return seen

        @property
        def state(self):
            return State()

    def rewards(rubric, *texts):
        env = Pens(rubric)
        env.reset()
        return [env.step(Write(text=text)).reward for text in texts]

    return rewards


def test_a_verifier_of_ours_pays_in_their_environment(pens):
    from openenv.core.rubrics import WeightedSum

    from prm_gym.integrations.openenv import VerifierRubric

    rubric = VerifierRubric("arithmetic")
    # 3 * 4 = 12 is true, 12 + 5 = 18 is not, and nothing can be told of a step that claims nothing: None, and not 0.
    assert pens(rubric, "3 * 4 = 12", "I look at them.", "12 + 5 = 18") == [1.0, None, 0.0]
    assert rubric.last_verdict.reason == "the left side is 17, the right side is 18"
    assert rubric.last_score == 0.0
    # A true equation that was written before says nothing new; in a new episode it does.
    assert pens(rubric, "3 * 4 = 12", "3 * 4 = 12") == [1.0, None]
    assert pens(rubric, "3 * 4 = 12") == [1.0]
    rubric.close()
    answer = VerifierRubric("equivalence", undecided=0.5)
    assert pens(answer, "3 * 4 = 12", "The answer is 17.") == [0.5, 1.0]
    assert pens(answer, "The answer is 18.") == [0.0]
    # As one of several: their containers add numbers up. 3/4 * 1/2 + 1/4 * 1.
    both = WeightedSum([answer, VerifierRubric("arithmetic", undecided=0.5)], [0.75, 0.25])
    both.pose = answer.pose
    assert pens(both, "3 * 4 = 12") == [pytest.approx(0.75 * 0.5 + 0.25)]


def test_a_rubric_judges_what_there_is(pens):
    from openenv.core.env_server.types import Action, Observation

    from prm_gym.integrations.openenv import VerifierRubric
    from prm_gym.verdict import judged
    from prm_gym.verifier import Verifier

    seen = []

    class Watching(Verifier):
        id, version = "watching", "1"

        def verify(self, steps):
            seen.extend(steps)
            if steps[-1].action == "boom":
                raise RuntimeError("no model here")
            return [judged("correct", 1.0, "seen") for _ in steps]

    class Two(Action):
        first: int
        second: str

    class Cells(Observation):
        cells: list[int]
        hint: str = ""
        note: str = ""

    rubric = VerifierRubric(Watching())
    rubric.pose("fill the cells")
    assert rubric(Two(first=1, second="boo"), Cells(cells=[1, 2])) == 1.0
    assert rubric(Two(first=2, second="boom"), Cells(cells=[], done=True)) is None
    assert rubric.last_verdict.status == "error"
    # An action with one text is that text; an observation with several is its JSON, without what it was paid.
    assert [(step.observation, step.action, step.terminated) for step in seen[:2]] == [
        ("fill the cells", "boo", False),
        ('{"cells": [1, 2], "hint": "", "note": ""}', "boom", True),
    ]
    assert [past.action for past in seen[1].previous] == ["boo"]
    rubric.reset()
    rubric(Two(first=1, second="boo"), Cells(cells=[1, 2]))
    assert (seen[-1].observation, seen[-1].previous) == ("fill the cells", ())
    rubric.close()
    with pytest.raises(UnknownNameError, match="arithmetic"):
        VerifierRubric("arithmetik")


def test_what_cannot_be(ours):
    with pytest.raises(OptionError, match="no OpenEnv server answers"):
        gym.make("prm_gym/OpenEnv-v0", base_url="http://127.0.0.1:9", deadline=2.0)
    with pytest.raises(OptionError, match="base_url is the address"):
        gym.make("prm_gym/OpenEnv-v0")
    with pytest.raises(OptionError, match="deadline"):
        gym.make("prm_gym/OpenEnv-v0", base_url=ours, deadline=0)
    env = gym.make("prm_gym/OpenEnv-v0", base_url=ours).unwrapped
    env.reset(seed=0)
    with pytest.raises(ContractError, match="no way to save"):
        env.snapshot()
    env.close()
    from prm_gym.integrations.openenv import StepEnvironment, app_of

    with pytest.raises(UnknownNameError, match="Deduction"):
        app_of("prm_gym/Deductoin-v0")
    with pytest.raises(OptionError, match="dificulty"):
        app_of(ENV, {"dificulty": 1})
    there = StepEnvironment(ENV, OPTIONS)
    with pytest.raises(ContractError, match="reset before a step"):
        there.step(None)
    with pytest.raises(OptionError, match="a reset takes"):
        there.reset(seed=0, task=3)
    there.close()


def test_the_page_runs(page):
    page("openenv")
