import json

import pytest

from prm_gym.errors import StoreError
from prm_gym.ordered_store import OrderedFile
from prm_gym.store import BrokenLine, TrajectoryWriter, read_trajectories
from prm_gym.task import Task
from prm_gym.trajectory import Trajectory

IDS = [f"{number}" for number in range(5)]


def _trajectory(identity, **changes):
    task = Task(key="t", instructions="", question="")
    fields = {"group_id": "g", "task": task, "seed": 0, "env_id": "e", "agent": "a", "outcome": 1.0, "steps": ()}
    return Trajectory(**{"id": identity, **fields, **changes})


def _ids(path):
    return [trajectory.id for trajectory in read_trajectories(path)]


def test_what_is_finished_in_any_order_is_the_same_file(tmp_path):
    for name, order in (("a", "01234"), ("b", "43210"), ("c", "30412")):
        with OrderedFile(tmp_path / name, IDS) as file:
            for identity in order:
                file.write([_trajectory(identity)])
            assert _ids(tmp_path / name) == list(order)  # as they come, so that nothing is lost
            file.finish()
    assert _ids(tmp_path / "a") == IDS
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_what_a_crash_has_left_is_gone_on_with(tmp_path):
    path, whole = tmp_path / "t", tmp_path / "whole"
    with OrderedFile(whole, IDS) as file:
        file.write(_trajectory(identity) for identity in IDS)
    with TrajectoryWriter(path) as writer:
        writer.write([_trajectory("3"), _trajectory("1", valid=False, outcome=None), _trajectory("0")])
    with path.open("ab") as torn:
        torn.write(whole.read_bytes().splitlines()[4][:40])
    file = OrderedFile(path, IDS)
    with pytest.warns(BrokenLine, match="line 4"):
        assert [trajectory.id for trajectory in file.read()] == ["3", "1", "0"]
    assert file.held == {"0", "3"}  # neither the spoilt one nor the torn one
    with file:
        file.write(_trajectory(identity) for identity in "43201")  # what it holds is not written again
        file.finish()
    assert path.read_bytes() == whole.read_bytes()


def test_the_last_line_may_lack_its_end(tmp_path):
    path = tmp_path / "t"
    with OrderedFile(path, IDS) as file:
        file.write([_trajectory("1"), _trajectory("0")])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    file = OrderedFile(path, IDS)
    assert len(list(file.read())) == 2
    with file:
        file.write([_trajectory("2")])
        file.finish()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["0", "1", "2"]


def test_what_does_not_belong_there_is_refused(tmp_path):
    file = OrderedFile(tmp_path / "t", IDS)
    with pytest.raises(StoreError, match="not open"):
        file.write([_trajectory("0")])
    with file, pytest.raises(StoreError, match="'9'"):
        file.write([_trajectory("9")])


def test_what_fails_before_anything_is_written_leaves_no_empty_file(tmp_path):
    for kept in ([], ["0"]):
        path = tmp_path / f"t{len(kept)}"
        with pytest.raises(StoreError, match="'9'"), OrderedFile(path, IDS) as file:
            file.write(_trajectory(identity) for identity in [*kept, "9"])
        assert path.exists() == bool(kept)
