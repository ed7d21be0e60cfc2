"""The lock of a run's folder."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import spelling_world

from prm_gym.errors import OptionError
from prm_gym.training.lock import NAME, locked
from prm_gym.training.run import train

HOLD = """
import pathlib, sys, time
from prm_gym.training.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(300)
"""


def _holder(directory):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_held_once_and_leaves_nothing_behind(tmp_path):
    directory = tmp_path / "new" / "run"
    with locked(directory):
        with pytest.raises(OptionError, match=r"run is being written by process \d+ on .*; wait for it, end it, or choose another directory"):  # noqa: SIM117
            with locked(directory):
                pass
        assert (directory / NAME).is_file()  # the one who was refused took nothing away
    assert not directory.exists()  # nothing was written into it
    with locked(directory):
        (directory / "kept").write_text("")
    assert [path.name for path in directory.iterdir()] == ["kept"]


def test_another_process_is_named_and_its_death_frees_the_folder(tmp_path):
    process = _holder(tmp_path)
    try:
        with pytest.raises(OptionError, match=f"being written by process {process.pid} on "), locked(tmp_path):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert (tmp_path / NAME).is_file()  # kill -9 leaves the file, and no lock
    with locked(tmp_path):
        pass
    assert not (tmp_path / NAME).exists()


def test_one_of_many_gets_it_at_a_time(tmp_path):
    # Each of four processes takes the lock forty times and writes a number that it must find again: the file is removed and made anew under their feet.
    contend = """
import pathlib, sys
from prm_gym.errors import OptionError
from prm_gym.training.lock import locked
directory, me, done = pathlib.Path(sys.argv[1]), sys.argv[2], 0
while done < 40:
    try:
        with locked(directory / "run"):
            (directory / "who").write_text(me)
            assert (directory / "who").read_text() == me
            done += 1
    except OptionError:
        pass
"""
    processes = [subprocess.Popen([sys.executable, "-c", contend, str(tmp_path), str(number)]) for number in range(4)]
    deadline = time.monotonic() + 200
    try:
        assert [process.wait(max(1.0, deadline - time.monotonic())) for process in processes] == [0, 0, 0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be made"), locked(tmp_path / "file"):
        pass


def test_a_run_that_another_process_writes_is_not_touched(tmp_path):
    spelling_world.register()
    with locked(tmp_path / "run"), pytest.raises(OptionError, match="is being written by process"):
        train(spelling_world.config(), tmp_path / "run")
    assert not list(tmp_path.iterdir())
    train(spelling_world.config(), tmp_path / "run")
    assert (tmp_path / "run" / "result.json").is_file()
    assert not (tmp_path / "run" / NAME).exists()
