"""Trajectories in the files of others, and back: what is written is whole, and what cannot be read is counted."""

import json
import os

import msgspec
import pytest

from prm_gym.agent import make_agent
from prm_gym.cli import main
from prm_gym.errors import OptionError, StoreError
from prm_gym.integrations.exporting import LABELS, export
from prm_gym.labelling import prm800k_row, ratings
from prm_gym.prm.layouts import math_shepherd, prm800k, processbench, trl
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import TrajectoryWriter, read_trajectories
from prm_gym.viewer.collection import Collection


@pytest.fixture(scope="module")
def episodes():
    rollouts = Rollouts("prm_gym/Deduction-v0", {"difficulty": 1, "verifiers": ["z3"]}, num_envs=4)
    played = rollouts.play(make_agent("random", seed=0), groups(range(3), attempts=2))
    rollouts.close()
    return [*played, msgspec.structs.replace(played[0], id="spoilt", valid=False, outcome=None, seed=1 << 70)]


@pytest.fixture
def stored(episodes, tmp_path):
    """A file with all of them, a line of another program and one that a crash has cut."""
    path = tmp_path / "t.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(episodes)
    with path.open("ab") as file:
        file.write(b'{"another": "program"}\n{"id": "cut')
    return path


def left_over(folder):
    return sorted(each.name for each in folder.iterdir() if each.name.endswith(".part"))


@pytest.mark.parametrize(("to", "name", "module"), [("parquet", "x.parquet", "pyarrow"), ("hf", "folder", "datasets")])
def test_what_goes_there_comes_back_as_it_was(episodes, stored, tmp_path, to, name, module):
    pytest.importorskip(module)
    found = export([stored], to, tmp_path / "deep" / name)
    assert (found.trajectories, found.rows, found.unread, found.left_out, found.labelled_steps) == (7, 7, 2, None, None)
    assert [problem.partition(":")[0] for problem in found.problems] == [f"{stored}, line 8", f"{stored}, line 9"]
    back = export([tmp_path / "deep" / name], "jsonl", tmp_path / "back.jsonl")
    assert (back.rows, back.unread) == (7, 0)
    assert list(read_trajectories(tmp_path / "back.jsonl")) == episodes
    assert left_over(tmp_path) == left_over(tmp_path / "deep") == []


def test_the_viewer_reads_the_parquet_that_is_written(episodes, stored, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    export([stored], "parquet", tmp_path / "x.parquet")
    shown = Collection([tmp_path / "x.parquet"], ["grpo"])
    assert [shown.trajectory(number) for number in range(7)] == sorted(episodes, key=lambda each: [e.group_id for e in episodes].index(each.group_id))
    table = parquet.read_table(tmp_path / "x.parquet", columns=["id", "outcome", "valid", "seed"]).to_pydict()
    assert table["id"] == [each.id for each in episodes]
    assert table["outcome"] == [each.outcome for each in episodes]
    assert table["seed"][-1] == str(1 << 70)


@pytest.mark.parametrize("to", LABELS)
def test_labels_are_those_of_the_layout_and_read_by_its_reader(episodes, stored, tmp_path, to):
    out = tmp_path / "labels.jsonl"
    found = export([stored], to, out)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    rated = [[rating is not None for rating in ratings(each)] for each in episodes if each.valid]
    assert (found.trajectories, found.rows + found.left_out, found.rows) == (7, 7, len(rows))
    assert found.labelled_steps + found.unlabelled_steps <= sum(map(len, rated))
    reader = {"trl": trl, "processbench": processbench, "math-shepherd": math_shepherd, "prm800k": prm800k}[to]
    assert len(list(reader.read(rows))) == len(rows) > 0
    if to == "prm800k":
        assert rows == [row for each in episodes if each.valid and (row := msgspec.to_builtins(prm800k_row(each))) is not None]
        assert found.labelled_steps == sum(map(sum, rated))


def test_nothing_is_written_over_unless_that_is_asked_for(episodes, stored, tmp_path):
    out = tmp_path / "labels.jsonl"
    out.write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        export([stored], "prm800k", out)
    assert out.read_text() == "mine"
    assert export([stored], "prm800k", out, replace=True).rows > 0
    assert out.read_text() != "mine"
    for target in (stored, tmp_path):  # what is read, and the folder that it lies in
        with pytest.raises(StoreError, match="is what is read"):
            export([stored], "jsonl", target, replace=True)
    (tmp_path / "others").mkdir()
    with pytest.raises(StoreError, match="no export has written"):
        export([stored], "hf", tmp_path / "others", replace=True)
    assert left_over(tmp_path) == []


def test_an_interrupted_export_leaves_nothing_and_what_was_there_stays(episodes, stored, tmp_path):
    out = tmp_path / "back.jsonl"
    export([stored], "jsonl", out)
    before = out.read_bytes()

    def interrupted(count, _):
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export([stored], "jsonl", out, replace=True, told=interrupted)
    assert out.read_bytes() == before
    assert left_over(tmp_path) == []


def test_what_cannot_be_honoured_is_said(episodes, stored, tmp_path):
    with pytest.raises(OptionError, match="a format is one of parquet, hf"):
        export([stored], "csv", tmp_path / "x")
    with pytest.raises(OptionError, match="has no place for steps without a label"):
        export([stored], "processbench", tmp_path / "x", keep_unlabelled=True)
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text('{"a": 1}\n' * 50)
    with pytest.raises(StoreError, match="none of its 50 lines is a trajectory"):
        export([foreign], "jsonl", tmp_path / "x")
    bare = tmp_path / "bare.jsonl"
    with TrajectoryWriter(bare) as writer:
        stripped = [msgspec.structs.replace(each, steps=tuple(msgspec.structs.replace(step, verdicts={}) for step in each.steps)) for each in episodes]
        writer.write(stripped)
    with pytest.raises(StoreError, match="labels a step"):
        export([bare], "processbench", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert left_over(tmp_path) == []


def test_the_command_says_what_it_wrote_and_what_it_could_not_read(stored, tmp_path, capsys):
    out = tmp_path / "labels.jsonl"
    main(["export", str(stored), "--to", "prm800k", "--out", str(out), "--json"])
    said, err = capsys.readouterr()
    (record,) = json.loads(said)
    assert (record["format"], record["out"], record["trajectories"], record["unread"]) == ("prm800k", str(out), 7, 2)
    assert record["rows"] == len(out.read_text(encoding="utf-8").splitlines())
    assert f"{stored}, line 8: " in err
    for arguments in ([str(stored), "--to", "prm800k", "--out", str(out)], [os.devnull, "--to", "jsonl", "--out", str(tmp_path / "y")]):
        with pytest.raises(SystemExit) as ended:
            main(["export", *arguments])
        assert ended.value.code == 2
    main(["export", str(stored), "--to", "prm800k", "--out", str(out), "--replace"])
    said, err = capsys.readouterr()
    assert "not read: 2" in said
    assert "7 trajectories" in err


def test_what_is_read_is_never_replaced(stored, tmp_path):
    before = stored.read_bytes()
    with pytest.raises(StoreError, match="is what is read"):  # named by its folder
        export([tmp_path], "prm800k", stored, replace=True)
    assert stored.read_bytes() == before
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="no export has written"):
        export([stored], "jsonl", tmp_path / "folder", replace=True)
    with pytest.raises(StoreError, match="cannot be written"):
        export([stored], "jsonl", stored / "below")
    assert left_over(tmp_path) == []


def test_a_folder_that_is_damaged_is_named_and_the_rest_is_written(stored, tmp_path):
    pytest.importorskip("datasets")
    export([stored], "hf", tmp_path / "ds")
    with pytest.raises(StoreError, match="or a part of it"):
        export([tmp_path / "ds"], "jsonl", tmp_path / "ds" / "state.json", replace=True)
    file = tmp_path / "f.jsonl"
    file.write_text("")
    with pytest.raises(StoreError, match="is no folder"):
        export([stored], "hf", file, replace=True)
    export([stored], "hf", tmp_path / "ds", replace=True)  # the new folder is there, and the old one gone
    assert [each.name for each in tmp_path.iterdir() if "ds" in each.name] == ["ds"]
    for arrow in (tmp_path / "ds").glob("*.arrow"):
        arrow.unlink()
    found = export([tmp_path / "ds", stored], "jsonl", tmp_path / "out.jsonl")
    assert (found.rows, found.unread) == (7, 3)
    assert any("nothing can be read from here on" in problem for problem in found.problems)
