"""MiniWoB: its tasks open, a seed is an episode, only the full reward is a success, and the scripts do what they say they can."""

import os
from importlib.util import find_spec

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.claims import Malformed, PageStep
from prm_gym.env import StepEnv
from prm_gym.envs.web.miniwob import SOLVED, MiniWobEnv
from prm_gym.envs.web.miniwob_page import REOPENED, STEP_MS, task_names
from prm_gym.errors import ContractError, MissingExtraError, OptionError

FAST = ("click-checkboxes", "click-test-2", "click-tab-2", "login-user", "use-autocomplete")
SWEPT = tuple(name for name in SOLVED if name not in (*FAST, *REOPENED))  # a script that does its task twice, on used pages, shows that they are as good as new
FIVE = ("click-test-2", "click-button", "enter-text", "login-user", "click-checkboxes")


@pytest.fixture(scope="module", autouse=True)
def real_browser(chromium):
    if find_spec("miniwob") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the package miniwob is not installed")


@pytest.fixture
def made():
    """Environments, closed in the end."""
    envs = []

    def make(task, **options):
        envs.append(gym.make("prm_gym/MiniWoB-v0", task=task, **options).unwrapped)
        return envs[-1]

    yield make
    for env in envs:
        env.close()


def played(env, actions):
    for action in actions:
        result = env.step(action)
    return result


def wrongly_submitted(env):
    return [f"click [{item.ref}]" for item in env._live.sight.items if item.name == "Submit"]


@pytest.mark.parametrize(
    "task",
    [pytest.param(name, marks=[pytest.mark.sweep] if name in SWEPT else []) for name in (task_names() if find_spec("miniwob") else ())],
)
def test_a_seed_is_an_episode_in_a_fresh_page_and_in_a_used_one(made, task):
    one, other = made(task, candidates=16), made(task, candidates=16)
    first, info = one.reset(seed=11)
    assert first.startswith("task: ")
    assert info["valid"]
    for action in info["actions"][:3]:  # whatever comes of it
        if not one.step(action)[2]:
            continue
        break
    one.reset(seed=12)
    assert one.reset(seed=11)[0] == first
    assert other.reset(seed=11)[0] == first
    assert "/" not in first.split("url: miniwob/")[1].split("\n")[0]


@pytest.mark.parametrize(("task", "seeds"), [("click-checkboxes", range(6)), ("click-checkboxes-transfer", range(3))])
def test_boxes_left_as_they_are_earn_nothing(made, task, seeds):
    """`raw > 0` pays this wherever fewer than half of the boxes are wanted."""
    env = made(task, reward="dense")
    partly = 0
    for seed in seeds:
        env.reset(seed=seed)
        if "Select nothing" in env.task.question:
            continue
        _, _, terminated, _, info = played(env, wrongly_submitted(env))
        verdict = info["verdicts"]["page"]
        assert (terminated, info["outcome"], verdict.label) == (True, 0.0, "incorrect")
        partly += verdict.evidence["reward"] > 0
        assert verdict.evidence["reward"] < 1
    if task == "click-checkboxes":
        assert partly  # of these seeds some pay a part: the attack would have worked


def test_the_first_card_earns_only_where_it_is_the_greatest(made):
    """A wrong card ends the task with 0.1."""
    env, wrong = made("find-greatest"), 0
    for seed in range(6):
        env.reset(seed=seed)
        cards = [item for item in env._live.sight.items if item.role == "clickable"]
        best = max(int(card.name) for card in cards) == int(cards[0].name)
        _, _, terminated, _, info = played(env, ["click [1]", *wrongly_submitted(env)])
        assert terminated
        assert info["outcome"] == float(best)
        wrong += not best
    assert wrong


@pytest.mark.parametrize(
    ("task", "seeds"),
    [
        *((name, range(5)) for name in FAST),
        *((name, range(2)) for name in SOLVED if name not in FAST),
        *(pytest.param(name, range(2, 8), marks=pytest.mark.sweep) for name in SOLVED if name not in FAST),
    ],
)
def test_scripts_do_their_tasks(made, task, seeds):
    env = made(task, candidates=0, max_steps=60)
    for seed in seeds:
        env.reset(seed=seed)
        actions = env.solution()
        _, _, terminated, _, info = played(env, actions)
        assert (terminated, info["outcome"]) == (True, 1.0), (task, seed, actions)
        assert info["verdicts"]["page"].label == "correct"


def test_the_clock_of_a_page_moves_with_the_steps_alone(made):
    env = made("button-delay")
    for seed, waits in ((0, 0), (1, 5), (2, 2)):
        env.reset(seed=seed)
        wanted = int(env.task.question.split("wait ")[1].split()[0])
        assert STEP_MS == 1000
        one, two = (next(item.ref for item in env._live.sight.items if item.name == name) for name in ("ONE", "TWO"))
        info = played(env, [f"click [{one}]", *["noop"] * waits, f"click [{two}]"])[-1]
        assert info["outcome"] == float(waits + 1 == wanted)


def test_progress_is_told_by_verdicts(made):
    env = made("click-checkboxes", reward="progress")
    env.reset(seed=next(seed for seed in range(20) if env.reset(seed=seed) and env.task.question.count(",") >= 2))
    boxes = {item.name: item.ref for item in env._live.sight.items if item.role == "checkbox"}
    names = env.task.question.removeprefix("Select ").removesuffix(" and click Submit.").split(", ")
    right, wrong = f"click [{boxes[names[0]]}]", next((f"click [{ref}]" for name, ref in boxes.items() if name not in names), None)
    steps = [(right, "correct"), (right, "incorrect"), (right, "neutral"), *([(wrong, "incorrect"), (wrong, "neutral")] if wrong else [])]
    rewards = []
    for action, label in steps:
        _, reward, _, _, info = env.step(action)
        assert info["verdicts"]["page"].label == label
        rewards.append(reward)
    assert sum(rewards) == rewards[0] > 0  # what is undone and done again pays once


def test_what_is_done_with_nothing_is_told(made):
    env = made("click-test-2")
    env.reset(seed=0)
    labels = [env.step(action)[-1]["verdicts"]["page"].label for action in ("click [77]", 'type [1] "x"', "hover [1]", "noop", "noop")]
    assert labels == ["incorrect", "incorrect", "incorrect", "neutral", "neutral"]
    observation = env.step('click [1] button "THREE"')[0]
    assert "\nError: [1] is button " in observation
    assert isinstance(env.past_steps[-1].claims[0], PageStep)
    assert "\nError: nothing is to be answered" in env.step("answer")[0]
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert "this address is not allowed" in env.step('goto "file:///etc/hostname"')[0]


def test_tasks_are_drawn_from_those_that_are_named(made):
    env = made(["click-test", "click-test-2"])
    drawn = set()
    for seed in range(8):
        env.reset(seed=seed)
        drawn.add(env.task.metadata["task"])
        assert env.task.sealed["task"] == env.task.metadata["task"]
    assert drawn == {"click-test", "click-test-2"}
    assert len(made("all").tasks) == len(task_names()) >= 125


def test_a_snapshot_goes_on_elsewhere(made):
    one, other = made("login-user"), made("login-user")
    one.reset(seed=4)
    actions = one.solution()
    played(one, actions[:2])
    saved = one.snapshot()
    rest = one.step(actions[2])
    other.restore(saved)
    assert other.step(actions[2])[0] == rest[0]
    one.restore(saved)
    assert one.step(actions[2])[-1]["outcome"] == 1.0
    with pytest.raises(ContractError, match="cannot be restored here"):
        made("click-test").restore(saved)


def test_all_pages_step_at_once(made):
    envs, alone = [made(task) for task in FIVE], [made(task) for task in FIVE]
    for env in (*envs, *alone):
        env.reset(seed=2)
    scripts = [env.solution() for env in envs]
    for place in range(3):
        rows = [row for row, script in enumerate(scripts) if place < len(script)]
        together = StepEnv.step_batch([envs[row] for row in rows], [scripts[row][place] for row in rows], envs[0].verifiers)
        for row, result in zip(rows, together, strict=True):
            mine = alone[row].step(scripts[row][place])
            assert result[:4] == mine[:4]
            assert result[-1]["state_key"] == mine[-1]["state_key"]


def test_a_page_that_dies_spoils_its_episode_alone(made):
    env = made("click-test")
    env.reset(seed=1)
    page = env._lease.held._page
    page.pool.call(page.pool.discard(page.live), 5)
    page.live.closed = False
    _, reward, terminated, truncated, info = env.step("click [1]")
    assert (reward, terminated, truncated, info["valid"], info["outcome"]) == (0.0, False, True, False, None)
    env.reset(seed=1)
    assert env.step("click [1]")[-1]["outcome"] == 1.0


def test_a_script_that_there_is_not(made):
    env = made("chase-circle")
    env.reset(seed=0)
    with pytest.raises(ContractError, match="no script"):
        env.solution()


@pytest.mark.parametrize(
    ("options", "match"), [({"task": "click-chekboxes"}, "click-checkboxes"), ({"task": []}, "no task"), ({"browser": {"hosts": {}}}, "hosts")]
)
def test_options_that_there_are_not(options, match):
    with pytest.raises(OptionError, match=match):
        MiniWobEnv(**options)


def test_without_the_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    from prm_gym.envs.web.miniwob_page import miniwob_folder

    with pytest.raises(MissingExtraError, match="miniwob"):
        miniwob_folder()
