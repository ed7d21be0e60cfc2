"""A package of somebody else, really installed, used by name from an interpreter that has heard of nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prm_gym import StepContext, Task
from prm_gym.verdict import judged
from prm_gym.verifier import make_verifier

PACKAGE = Path(__file__).parent / "plugin_package"
pytestmark = pytest.mark.slow


def _install(source, target):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the package is installed in; built from a copy, so that nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    _install(folder / "source", folder / "site")
    return folder / "site"


def _run(program, *folders):
    """What a fresh interpreter prints, as JSON."""
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folders[0],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_is_there_by_name_and_nothing_is_loaded_for_listing(installed):
    program = """
import json, sys
import prm_gym
from prm_gym.agent import AGENTS
from prm_gym.credit import ASSIGNERS
from prm_gym.rewards import REWARDS
from prm_gym.verifier import VERIFIERS
print(json.dumps([registry.names() for registry in (VERIFIERS, REWARDS, ASSIGNERS, AGENTS)] + ["example_plugin" in sys.modules]))
"""
    verifiers, rewards, assigners, agents, loaded = _run(program, installed)
    assert {"short", "arithmetic"} <= set(verifiers)
    assert {"example_thrift", "dense"} <= set(rewards)
    assert {"example_last_step", "grpo"} <= set(assigners)
    assert {"example_first", "random"} <= set(agents)
    assert loaded is False


def test_everything_works_by_name(installed):
    program = """
import json
import gymnasium as gym
import prm_gym
from prm_gym.agent import make_agent
from prm_gym.credit import StepBatch, assign
from prm_gym.rollout import Rollouts, groups

options = {"difficulty": 1, "verifiers": ["short:5", "all(arithmetic, short)"], "reward": {"id": "example_thrift", "price": 0.25}, "max_steps": 2}
rollouts = Rollouts("prm_gym/Countdown-v0", options)
played = rollouts.play(make_agent("example_first"), groups([1], 2))
batch = StepBatch.from_trajectories(played)
credit = assign("example_last_step|example_halved?times=2", batch, bonus=8.0)
print(json.dumps({
    "actions": [[step.action, step.actions[0]] for step in played[0].steps],
    "verdicts": [{name: [v.verifier, v.version, v.score, v.reason] for name, v in step.verdicts.items()} for step in played[0].steps],
    "rewards": batch.rewards.tolist(), "outcomes": batch.outcomes.tolist(), "offsets": batch.offsets.tolist(),
    "advantages": credit.advantages.tolist(), "agent": played[0].agent,
}))
"""
    found = _run(program, installed)
    assert found["agent"] == "example_first"
    assert all(action == first for action, first in found["actions"])
    for (action, _), verdicts in zip(found["actions"], found["verdicts"], strict=True):
        # "1 + 2 = 3" has nine characters: no step of this game has five or fewer.
        assert verdicts["short"][:3] == ["short", "1", 0.0]
        assert verdicts["short"][3] == f"{len(action)} characters, more than 5"
        assert verdicts["all(arithmetic, short)"][1] == f"{make_verifier('arithmetic').version}+1"
    # Two steps an episode, at 0.25 each; the outcome comes on the second. Twice the last reward is the advantage there, none before.
    ends = [offset - 1 for offset in found["offsets"][1:]]
    expected = [(-0.25 + (found["outcomes"][ends.index(row)] if row in ends else 0.0)) for row in range(found["offsets"][-1])]
    assert found["rewards"] == expected
    assert found["advantages"] == [2 * reward if row in ends else 0.0 for row, reward in enumerate(expected)]


def test_the_contracts_hold_for_it(installed):
    program = """
import gymnasium as gym
import prm_gym
from functools import partial
from prm_gym import StepContext, Task
from prm_gym.testing import VerifierCase, check_assigner, check_step_env, check_transform, check_verifier

def case(kind, text):
    return VerifierCase(kind=kind, step=StepContext(task=Task(key="k", instructions="", question=""), observation="", action=text))

check_verifier("short", [case("full", "a" * 12), case("zero", "a" * 13), case("abstain", ""), case("hack", " " * 13)])
check_assigner("example_last_step")
check_transform("example_halved")
check_step_env(partial(gym.make, "prm_gym/Countdown-v0", verifiers=["short"], reward="example_thrift"), seeds=[0])
print("true")
"""
    assert _run(program, installed) is True


def blocks_of(heading, kind):
    """The blocks of code of one kind under a heading of CONTRIBUTING."""
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{kind}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def test_the_credit_package_of_contributing_works_as_it_stands(tmp_path):
    module, checks = blocks_of("Add a credit assigner", "python")
    (settings,) = blocks_of("Add a credit assigner", "toml")
    (commands,) = blocks_of("Add a credit assigner", "console")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "my_credit.py").write_text(module, encoding="utf-8")
    (tmp_path / "source" / "pyproject.toml").write_text(settings, encoding="utf-8")
    _install(tmp_path / "source", tmp_path / "site")
    specs = set(re.findall(r"'(not_longer[^']*)'", commands))
    assert len(specs) == 1
    program = f"""
import json
from prm_gym import cli
from prm_gym.credit import StepBatch, assign
{checks}
batch = StepBatch([0, 1, 0] + [0.0] * 9, [0, 2, 3, 12], ["g"] * 3, [1, 0, 0], [False] * 3, {{"state_key": list("sus" + "s" * 9)}})
credit = assign({specs.pop()!r}, batch)
print(json.dumps([credit.advantages.tolist(), credit.keep.tolist()]))
"""
    # The third is longer than 8 steps and taken out. Rewards less 0.01: returns -0.01 + 0.9 * 0.99 = 0.881, 0.99 and -0.01; in s the mean is 0.4355.
    advantages, keep = _run(program, tmp_path / "site")
    assert advantages == pytest.approx([0.4455, 0.0, -0.4455] + [0.0] * 9)
    assert keep == [True] * 3 + [False] * 9


def test_errors_name_the_near_miss_and_bad_arguments(installed):
    program = """
import json
import prm_gym
from prm_gym.verifier import make_verifier

def said(spec):
    try:
        make_verifier(spec)
    except Exception as error:
        return [type(error).__name__, str(error)]

print(json.dumps([said("shrot"), said("short:1:2")]))
"""
    (kind, message), (other, _) = _run(program, installed)
    assert kind == "UnknownNameError"
    assert "Did you mean 'short'?" in message
    assert other == "ValueError"  # the plug-in's own: int("1:2")


def test_two_packages_under_one_name_are_both_named(installed, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "source" / "example_plugin").rename(tmp_path / "source" / "rival_plugin")
    settings = (tmp_path / "source" / "pyproject.toml").read_text()
    (tmp_path / "source" / "pyproject.toml").write_text(settings.replace("prm-gym-example-plugin", "rival-plugin").replace("example_plugin", "rival_plugin"))
    _install(tmp_path / "source", tmp_path / "site")
    program = """
import json
import prm_gym
from prm_gym.agent import make_agent
from prm_gym.credit import assign
from prm_gym.rewards import make_reward
from prm_gym.verifier import make_verifier

def said(make):
    try:
        make()
    except Exception as error:
        return [type(error).__name__, str(error)]

makers = [lambda: make_verifier("short"), lambda: make_reward("example_thrift", 1)]
makers += [lambda: assign("example_last_step", None), lambda: make_agent("example_first")]
print(json.dumps([said(make) for make in makers]))
"""
    for kind, message in _run(program, installed, tmp_path / "site"):
        assert kind == "DuplicateNameError"
        assert "package prm-gym-example-plugin" in message
        assert "package rival-plugin" in message
        assert "Rename one of them or uninstall its package." in message


def test_the_package_is_what_its_description_says(monkeypatch):
    # In this process too, without an installation: the module alone.
    monkeypatch.syspath_prepend(PACKAGE)
    from example_plugin import ShortVerifier

    step = StepContext(task=Task(key="k", instructions="", question=""), observation="", action="abc")
    assert ShortVerifier().verify([step]) == [judged("correct", 1.0, "3 characters")]
    sys.modules.pop("example_plugin")
