"""PageBuilding: every page of ours does what is required, every broken one is found out, and the tools do what they say."""

import json
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from prm_gym.browser import NoBrowserError
from prm_gym.claims import PageTests
from prm_gym.env import StepEnv
from prm_gym.envs.web.page_families import FAMILIES
from prm_gym.envs.web.page_plans import NEXT
from prm_gym.envs.web.page_tasks import LEVELS, plan_of, task_of
from prm_gym.errors import OptionError
from prm_gym.pages import PageRunner, no_browser
from prm_gym.tools import call_text

sys.path.insert(0, str(Path(__file__).parent))

from page_mutants import MUTANTS

HELLO = "<!doctype html><title>Hello</title><h1>Hello</h1><p id=p>0</p><button onclick='p.textContent++'>More</button>"


@pytest.fixture(scope="module", autouse=True)
def _browser(chromium):
    """Everything here needs one."""


@pytest.fixture(scope="module")
def env(chromium):
    made = gym.make("prm_gym/PageBuilding-v0").unwrapped
    yield made
    made.close()


def took(env, name, **arguments):
    return env.step(call_text(name, **arguments))


def failing(pages):
    """Names of the requirements that each page of a plan fails."""
    found = []
    for place in range(0, len(pages), 24):
        batch = pages[place : place + 24]
        for (_, plan), outcomes in zip(batch, PageRunner().run([(html, plan.tests()) for html, plan in batch]), strict=True):
            assert None not in outcomes
            found.append([test.requirement for test, outcome in zip(plan.tests(), outcomes, strict=True) if not outcome.passed])
    return found


# The pages of ours.


def test_there_are_many_families():
    assert len(FAMILIES) >= 20
    for family in FAMILIES:
        assert plan_of(family, 1) == plan_of(family, 1)
        assert len({plan_of(family, number).statement() for number in range(40)}) >= 20  # variants
        assert {feature.name for feature in plan_of(family, 2).features} == {feature.name for feature in plan_of(family, 3).features}


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_its_number_of_requirements(level):
    for number in range(50):
        family, plan = task_of(number, level)
        assert family in FAMILIES
        assert len(plan.features) == LEVELS[level]
        assert len({feature.name for feature in plan.features}) == LEVELS[level]
        assert len(json.dumps(plan.page())) < 12_000  # an action holds 16,384 characters


def test_tests_use_other_values_than_the_specification():
    for family in FAMILIES:
        plans = [plan_of(family, number) for number in range(12)]
        assert len({plan.tests() for plan in plans}) >= 9


@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_the_pages_of_ours_do_what_is_required(part):
    plans = [plan_of(family, 17) for family in sorted(FAMILIES)[part::3]]
    assert failing([(plan.page(), plan) for plan in plans]) == [[] for _ in plans]


@pytest.mark.slow
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_page_that_is_half_done_meets_half_of_the_requirements(part):
    plans = [plan_of(family, 4) for family in sorted(FAMILIES)[part::3]]
    halves = [[feature.code.strip() for feature in plan.features[: len(plan.features) // 2]] for plan in plans]
    missing = [[feature.name for feature in plan.features[len(half) :]] for plan, half in zip(plans, halves, strict=True)]
    assert failing([(plan.page(half), plan) for plan, half in zip(plans, halves, strict=True)]) == missing


@pytest.mark.sweep
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_page_meets_one_requirement_more_at_every_stage(family):
    plan = plan_of(family, 4)
    names = [feature.name for feature in plan.features]
    stages = [(plan.page([feature.code.strip() for feature in plan.features[:count]]), plan) for count in range(len(names) + 1)]
    assert failing(stages) == [names[count:] for count in range(len(names) + 1)]


@pytest.mark.sweep
@pytest.mark.parametrize("number", [21, 22, 23, 24])
def test_other_variants_do_what_is_required(number):
    plans = [plan_of(family, number) for family in sorted(FAMILIES)]
    assert failing([(plan.page(), plan) for plan in plans]) == [[] for _ in plans]


# Pages with a fault.


def broken(mutants):
    found = []
    for family, right, wrong, _ in mutants:
        plan = plan_of(family, 3)
        assert plan.page().count(right) == 1, (family, right)
        found.append((plan.page().replace(right, wrong), plan))
    return found


def test_there_are_faults_enough():
    assert len(MUTANTS) >= 100
    assert {family for family, *_ in MUTANTS} == set(FAMILIES)
    assert all(fails for *_, fails in MUTANTS)


def test_some_faults_are_found_out():
    some = MUTANTS[::17]
    assert failing(broken(some)) == [[name for name in _names(family) if name in fails] for family, _, _, fails in some]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_every_fault_is_found_out(part):
    """By each of the tests that concern it; that no other fails is told by the sweep."""
    mutants = MUTANTS[part::6]
    jobs = []
    for (html, plan), (*_, fails) in zip(broken(mutants), mutants, strict=True):
        names = [test.requirement for test in plan.tests()]
        assert set(fails) <= set(names)
        jobs.append((html, [test for test in plan.tests() if test.requirement in fails]))
    for (family, right, *_), outcomes in zip(mutants, PageRunner().run(jobs), strict=True):
        assert [outcome.passed for outcome in outcomes] == [False] * len(outcomes), (family, right)


@pytest.mark.sweep
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_fault_fails_exactly_the_tests_that_concern_it(family):
    mutants = [mutant for mutant in MUTANTS if mutant[0] == family]
    assert failing(broken(mutants)) == [[name for name in _names(family) if name in fails] for _, _, _, fails in mutants]


def _names(family):
    return [feature.name for feature in plan_of(family, 3).features]


def test_the_examples_of_a_specification_are_not_enough():
    # A page that says what the specification shows, and nothing else.
    plans = [task_of(number, 3)[1] for number in range(3)]
    for plan, fails in zip(plans, failing([(f"<h1>{plan.title}</h1><p>{plan.statement()}</p>", plan) for plan in plans]), strict=True):
        assert fails == [feature.name for feature in plan.features]


# The environment.


def test_stage_by_stage(env):
    observation, info = env.reset(seed=3)
    assert observation == env.task.question
    labels, progress = [], []
    for action in env.solution():
        _, _, terminated, _, info = env.step(action)
        verdict = info["verdicts"]["page_tests"]
        labels.append(verdict.label)
        progress.append(verdict.evidence["progress"])
    assert terminated
    assert info["outcome"] == 1.0
    assert labels == ["neutral", "correct", "correct", "correct", "correct"]
    assert progress == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


def test_what_is_lost_is_wrong_and_what_is_found_again_is_nothing_new(env):
    env.reset(seed=3)
    skeleton, first, *_ = env.solution()
    for action, label in [(skeleton, "neutral"), (first, "correct"), (skeleton, "incorrect"), (first, "neutral")]:
        assert env.step(action)[-1]["verdicts"]["page_tests"].label == label
    observation, _, terminated, _, info = took(env, "finish")
    assert (observation, terminated, info["outcome"], info["verdicts"]["page_tests"].label) == ("The page is handed in.", True, 0.0, "incorrect")


def test_the_first_failure_is_told_to_the_trainer_and_not_to_the_agent(env):
    env.reset(seed=3)
    observation, _, _, _, info = took(env, "write_page", html=HELLO)
    assert observation == f"The page is written. It has {len(HELLO)} characters."
    told = info["verdicts"]["page_tests"].evidence["failing"]
    assert told["requirement"] == env.task.metadata["requirements"][0]
    assert "# Hello" in told["seen"]
    assert isinstance(env.past_steps[-1].claims[0], PageTests)


def test_looking_and_trying(env):
    env.reset(seed=1)
    assert took(env, "look")[0] == "Error: there is no page yet."
    assert took(env, "finish")[0] == "Error: there is no page yet."
    took(env, "write_page", html=HELLO)
    assert took(env, "look")[0] == 'title: Hello\nurl: http://page.localhost/\n# Hello\n- 0\n[1] button "More"'
    assert "- 1" in took(env, "act", action="click [1]")[0]
    observation, _, _, _, info = took(env, "act", action='click [1] button "Add"')
    assert observation.startswith('Error: [1] is button "More", not button "Add"\n')
    assert info["verdicts"]["page_tests"].label == "incorrect"
    assert took(env, "act", action="answer")[0].startswith("Error: nothing is asked here")
    assert took(env, "act", action="press the button")[0].startswith("Error: ")
    assert took(env, "act", action='goto "http://other.test/"')[0].startswith("Error: this address is not allowed: http://other.test/")
    observation, _, _, _, info = took(env, "act", action="click [1]")
    assert "- 2" in observation
    assert info["verdicts"]["page_tests"].score is None
    saved = env.snapshot()
    assert "- 3" in took(env, "act", action="click [1]")[0]
    env.restore(saved)
    assert "- 2" in took(env, "look")[0]
    took(env, "replace", old="<h1>Hello</h1>", new="")
    assert "- 0" in took(env, "look")[0]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (call_text("write_page", html="  "), "the page is empty"),
        (call_text("write_page", html=HELLO), "that is the page that there is"),
        (call_text("replace", old="nowhere", new=""), "the text to be replaced does not occur in the page"),
        (call_text("replace", old="Hello", new=""), "the text to be replaced occurs 2 times: name a longer part"),
        (call_text("replace", old="More", new="More"), "that is the page that there is"),
        (call_text("replace", old="More", new="M" * 17_000), None),  # longer than a text that is read
        (call_text("replace", old="", new="x"), None),
        (call_text("write_page", page="x"), None),
        ("<p>Hello</p>", None),
    ],
)
def test_calls_that_are_refused_change_nothing(env, call, reason):
    env.reset(seed=1)
    took(env, "write_page", html=HELLO)
    key = env.situation.state_key
    observation, _, _, _, info = env.step(call)
    if reason is None:
        assert info["verdicts"]["page_tests"].label == "malformed"
        assert info["state_key"] == key
    else:
        assert observation == f"Error: {reason}."
        assert info["verdicts"]["page_tests"].label == "incorrect"
    assert "More" in took(env, "look")[0]


@pytest.mark.parametrize(
    ("html", "told"),
    [
        pytest.param("<p>x</p><script>while (true);</script>", "a script of the page ran too long and was stopped", marks=pytest.mark.slow),
        ("<p>x</p><script>const a = []; while (true) a.push(new Array(1e5).fill(1.5));</script>", "the page did not survive"),
        ("<p>x</p><script>open('/')</script>", "the page opened a window"),
    ],
)
def test_a_page_that_spoils_itself_is_told_and_spoils_no_episode(env, html, told):
    env.reset(seed=1)
    assert took(env, "write_page", html=html)[-1]["valid"]
    observation, _, _, _, info = took(env, "look")
    assert observation.startswith(f"! {told}\n")
    assert info["valid"]
    assert took(env, "act", action="click [1]")[0].startswith(f"Error: {told}")
    took(env, "write_page", html=HELLO)
    assert "More" in took(env, "look")[0]


def test_a_batch_is_the_same_as_one_after_the_other(chromium):
    alone, together = ([gym.make("prm_gym/PageBuilding-v0", difficulty=1).unwrapped for _ in range(3)] for _ in range(2))
    for env in (*alone, *together):
        env.reset(seed=(alone.index(env) if env in alone else together.index(env)) + 40)
    plans = [env.solution() for env in alone]
    for actions in zip(*plans, strict=True):
        one = [env.step(action) for env, action in zip(alone, actions, strict=True)]
        assert StepEnv.step_batch(together, actions, together[0].verifiers) == one
    assert [result[-1]["outcome"] for result in one] == [1.0] * 3


def test_screenshots(chromium):
    env = gym.make("prm_gym/PageBuilding-v0", screenshots=True).unwrapped
    try:
        assert env.reset(seed=1)[1]["screenshot"] is None
        shots = [took(env, "write_page", html=HELLO)[-1]["screenshot"], took(env, "act", action="click [1]")[-1]["screenshot"]]
        assert all(shot.startswith(b"\x89PNG") for shot in shots)
        assert shots[0] != shots[1]
        assert (int.from_bytes(shots[0][16:20], "big"), int.from_bytes(shots[0][20:24], "big")) == (1280, 720)
        assert took(env, "write_page", html="<script>open('/')</script>")[-1]["screenshot"] is None
    finally:
        env.close()


def test_without_a_browser_it_cannot_be_made(monkeypatch):
    monkeypatch.setenv("PRM_GYM_CHROMIUM", "/nowhere/chromium")
    assert "apt-get install chromium-headless-shell" in no_browser()
    with pytest.raises(NoBrowserError, match="apt-get install chromium-headless-shell"):
        gym.make("prm_gym/PageBuilding-v0")


def test_options(env):
    with pytest.raises(OptionError):
        gym.make("prm_gym/PageBuilding-v0", screenshots="yes")
    with pytest.raises(OptionError):
        env.reset(options={"family": "todo"})
    env.reset(seed=0)
    assert NEXT not in env.task.question
