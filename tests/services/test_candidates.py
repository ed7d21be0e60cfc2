"""The lists of candidates of the services give nothing away to who compares them."""

import collections

import gymnasium as gym
import numpy as np
import pytest

import prm_gym
from prm_gym.errors import ContractError
from prm_gym.services import variations
from prm_gym.tools import ToolCall, call_text, read_call

assert prm_gym

NEUTRAL = {"Retail": call_text("calculate", expression="1 + 1"), "Calendar": call_text("find_person", text="nobody")}


def make(name, difficulty, **options):
    return gym.make(f"prm_gym/{name}-v0", difficulty=difficulty, **options).unwrapped


@pytest.mark.parametrize("name", NEUTRAL)
@pytest.mark.parametrize("difficulty", [1, 4])
def test_a_list_stays_until_the_script_goes_on(name, difficulty):
    env = make(name, difficulty, max_steps=200)
    for seed in range(10):
        _, info = env.reset(seed=seed)
        for step in env.solution()[:-1]:
            before = info["actions"]
            assert env.step(NEUTRAL[name])[4]["actions"] == before
            assert env.step(call_text("nothing"))[4]["actions"] == before
            _, _, _, _, info = env.step(step)


@pytest.mark.parametrize("name", NEUTRAL)
def test_no_form_is_the_scripts_own(name):
    # Of the forms that come up often, none is the scripted step in more than half of the lists that have it.
    listed, scripted = collections.Counter(), collections.Counter()
    for difficulty in (1, 3, 5):
        env = make(name, difficulty)
        for seed in range(25):
            _, info = env.reset(seed=seed)
            for step in env.solution():
                forms = {action: form(action) for action in info["actions"]}
                listed.update(set(forms.values()))
                scripted[forms[step]] += 1
                _, _, _, _, info = env.step(step)
    assert {name: scripted[name] / count for name, count in listed.items() if count >= 30 and scripted[name] > count / 2} == {}


def form(action):
    call = read_call(action)
    if not isinstance(call, ToolCall):
        return action[:6]
    return call.name, tuple(len(value) if isinstance(value, list) else len(str(value).split()) for value in call.arguments.values())


@pytest.mark.parametrize("name", NEUTRAL)
def test_the_counts_of_a_form_do_not_tell_the_scripted_step(name):
    env = make(name, 4)
    counts = collections.defaultdict(set)
    for seed in range(20):
        _, info = env.reset(seed=seed)
        for place, step in enumerate(env.solution()):
            kinds = collections.Counter(env.form_of(action) for action in info["actions"])
            if place > 8:  # enough was shown for every form
                counts[env.form_of(step)].add((kinds["refusal"], kinds["statement"]))
            _, _, _, _, info = env.step(step)
    most = {"Retail": (1, 1), "Calendar": (2, 1)}[name]
    assert all(most in found for found in counts.values())
    assert {found for kinds in counts.values() for found in kinds} <= {most, (1, 1)}


@pytest.mark.parametrize("most", [4, 6])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 1), (0, 7), (0, 0)])
def test_no_variation_stands_out(most, sizes):
    # Each one differs from the others in the same numbers of arguments: nothing tells which was there first.
    rng = np.random.default_rng(most)
    first = dict.fromkeys("abc", 0)
    axes = [[{name: k} for k in range(1, size + 1)] for name, size in zip("abc", sizes, strict=False)]
    for _ in range(20):
        made = variations(rng, first, axes, most)
        assert made[0] == first
        assert len(made) == len({tuple(one.items()) for one in made}) <= most
        assert len({tuple(sorted(sum(one[name] != other[name] for name in "abc") for other in made)) for one in made}) == 1


@pytest.mark.parametrize(("name", "least"), [("Retail", 3.0), ("Calendar", 3.0)])
@pytest.mark.parametrize("difficulty", [1, 2])
def test_a_change_is_listed_among_others_of_its_kind(name, least, difficulty):
    env, counts = make(name, difficulty), []
    for seed in range(30):
        _, info = env.reset(seed=seed)
        for step in env.scenario.script:
            if step.milestone.startswith("done"):
                counts.append(sum(form(action)[0] == form(step.action)[0] for action in info["actions"]))
            _, _, _, _, info = env.step(step.action)
    assert np.mean(counts) >= least


@pytest.mark.parametrize("name", NEUTRAL)
def test_who_acts_without_a_yes_is_led_on_all_the_same(name):
    # The step that asks for a yes is passed over then: the list goes on to what is still to be done.
    env, led = make(name, 4), 0
    for seed in range(12):
        env.reset(seed=seed)
        acts = [step for step in env.scenario.script if step.milestone.startswith(("mind", "agreed"))]
        led += bool(acts)
        for step in env.scenario.script:
            if step in acts:
                continue
            early = step.milestone.startswith("done") and step.topic in {act.topic for act in acts}
            assert early or step.action in env.situation.actions
            _, _, _, _, info = env.step(step.action)
        assert info["outcome"] == 1.0
    assert led >= 3


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_snapshot_of_another_level_is_refused(name):
    env, other = make(name, 1), make(name, 5)
    env.reset(seed=0)
    other.reset(seed=0)
    with pytest.raises(ContractError, match="other options"):
        other.restore(env.snapshot())


def test_no_line_end_slips_into_a_zip_code_or_a_time():
    retail, calendar = make("Retail", 1), make("Calendar", 1)
    retail.reset(seed=0)
    calendar.reset(seed=0)
    assert "do not fit" in retail.step(call_text("find_user_by_name", name="A B", zip="30198\n"))[0]
    assert "do not fit" in calendar.step(call_text("find_rooms", day="Mon", start="09:00\n", end="10:00"))[0]
