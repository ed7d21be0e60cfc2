"""The folder of a saved agent names it: with its options, everywhere an agent is named."""

import json

import pytest

from prm_gym import cli
from prm_gym._version import VERSION
from prm_gym.agent import AGENTS, Action, TrainableAgent, make_agent
from prm_gym.commands.records import resolved
from prm_gym.errors import CheckpointError, OptionError, UnknownNameError
from prm_gym.saved_agents import SavedAgent, describe, saved_agent
from prm_gym.store import read_trajectories


class Repeater(TrainableAgent):
    """Says one word; its only weight is how often it was told to."""

    id = "repeater"
    seeded = True

    def __init__(self, *, word="UNKNOWN", seed=0, learning=None):
        self.options = {"word": word, "seed": seed, "learning": {"rate": 1.0, "decay": 0.5} | (learning or {})}
        self.updates = 0

    def act(self, prompts):
        return [Action(text=self.options["word"]) for _ in prompts]

    def update(self, batch, credit):
        self.updates += 1
        return {"loss": 0.0}

    def save(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "updates").write_text(str(self.updates))
        describe(directory, self.id, self.options)

    def load(self, directory):
        try:
            self.updates = int((directory / "updates").read_text())
        except OSError as error:
            raise CheckpointError(f"{directory} holds no repeater") from error

    def greedy(self):
        return self


@pytest.fixture
def saved(tmp_path):
    AGENTS.register("repeater", Repeater)
    agent = Repeater(word="PROVED", seed=4, learning={"rate": 2.0})
    agent.updates = 7
    agent.save(tmp_path / "agent")
    return tmp_path / "agent"


def test_a_folder_gives_the_agent_as_it_was_saved(saved):
    made = make_agent(str(saved))
    assert (made.id, made.updates, made.options) == ("repeater", 7, {"word": "PROVED", "seed": 4, "learning": {"rate": 2.0, "decay": 0.5}})


def test_options_go_over_those_that_it_was_made_with_and_mappings_entry_by_entry(saved):
    made = make_agent(f"{saved}?word=DISPROVED", learning={"decay": 0.0}, seed=9)
    assert (made.updates, made.options) == (7, {"word": "DISPROVED", "seed": 9, "learning": {"rate": 2.0, "decay": 0.0}})
    with pytest.raises(OptionError, match="Did you mean 'word'"):
        make_agent(f"{saved}?wort=x")


def test_a_name_goes_before_a_folder_of_that_name(saved, monkeypatch):
    monkeypatch.chdir(saved.parent)
    saved.rename(saved.parent / "random")
    assert make_agent("random").id == "random"
    assert make_agent("./random").id == "repeater"
    assert resolved("random") == "random"
    assert resolved("./random?word=x") == f"{saved.parent / 'random'}?word=x"  # the same run from anywhere
    assert resolved("warm/seed-{seed}/agent") == str(saved.parent / "warm/seed-{seed}/agent")  # which is there when the run of that seed begins


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("{0}/nowhere", "no folder '.*nowhere' with a saved agent"),
        ("{0}/run", r"run holds no saved agent \(no agent.json\); .*run/agent does"),
        ("{0}/model", "a model of Hugging Face is named 'causal-lm:FOLDER'"),
        ("{0}/odd", "does not say which agent lies there"),
        ("{0}/old", rf"was saved by prm_gym 0\.0\.1, and this is {VERSION}: .*'depth'"),
        ("{0}/cut", "holds no repeater"),
    ],
)
def test_what_is_no_saved_agent_says_what_to_name_instead(saved, path, says):
    folder = saved.parent
    for name in ("run", "model", "odd", "old", "cut"):
        (folder / name).mkdir()
    saved.rename(folder / "run" / "agent")
    (folder / "odd" / "agent.json").write_text('{"options": {}}')
    (folder / "old" / "agent.json").write_text('{"id": "repeater", "options": {"depth": 2}, "version": "0.0.1"}')
    describe(folder / "cut", "repeater", {})
    with pytest.raises(CheckpointError, match=says):
        make_agent(path.format(folder))


def test_an_agent_of_a_package_that_is_not_there(saved):
    describe(saved, "repeatr", {})
    with pytest.raises(UnknownNameError, match="repeater"):
        make_agent(str(saved))


def test_a_misspelt_name_with_a_path_behind_it_is_no_folder():
    with pytest.raises(UnknownNameError, match="Did you mean 'causal-lm'"):
        make_agent("casual-lm:some/model")


def test_what_a_folder_says(saved):
    found = saved_agent(str(saved))
    assert found == SavedAgent(id="repeater", options=Repeater(word="PROVED", seed=4, learning={"rate": 2.0}).options, version=VERSION, folder=saved)
    assert saved_agent("candidate") is None


def test_commands_take_it_and_a_file_tells_two_of_them_apart(saved, capsys, tmp_path):
    out = tmp_path / "played.jsonl"
    command = ["rollout", "--env-option", "difficulty=1", "--tasks", "2", "--attempts", "1", "--out", str(out), "--json", "--agent"]
    cli.main([*command, str(saved)])
    assert {trajectory.agent for trajectory in read_trajectories(out)} == {f"repeater:{saved}"}
    assert {step.action for trajectory in read_trajectories(out) for step in trajectory.steps} == {"PROVED"}
    Repeater(word="DISPROVED").save(tmp_path / "other")
    with pytest.raises(SystemExit):
        cli.main([*command, str(tmp_path / "other")])
    assert "another rollout" in capsys.readouterr().err
    cli.main(["play", "--env-option", "difficulty=1", "--agent", str(saved)])
    shown = capsys.readouterr().out
    assert "> PROVED" in shown
    assert "The episode is over" in shown
    labels = tmp_path / "labelled.jsonl"
    cli.main(["label", str(out), "--rollouts", str(saved), "--rollout-option", "k=2", "--out", str(labels), "--json"])
    assert json.loads(capsys.readouterr().out)
    versions = {step.verdicts["montecarlo"].version for trajectory in read_trajectories(labels) for step in trajectory.steps}
    assert len(versions) == 1
    assert str(saved) in versions.pop()  # of another agent's folder the labels would not be taken for these
