"""The contract of engines, held by each of them."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import engine_workers
from engine_workers import Mortal, Squares

from prm_gym.engines import LocalEngine, ProcessEngine, make_engine
from prm_gym.errors import EngineError, OptionError, UnknownNameError


@pytest.fixture(scope="module")
def processes():
    with ProcessEngine(2) as engine, engine.crew(Mortal) as crew:
        yield crew


def _ended(pid):
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    return not os.path.exists(f"/proc/{pid}")


def test_here_jobs_are_done_in_order_and_as_they_are_asked_for(tmp_path):
    taken = []

    def jobs():
        for number in range(5):
            taken.append(number)
            yield number

    said = []
    with LocalEngine() as engine, engine.crew(lambda: Squares(str(tmp_path))) as crew:
        found = crew.run(jobs(), lambda index, content: said.append((index, content)))
        assert next(found).result() == (0, os.getpid())
        assert taken == [0]  # nothing is taken before it is done
        assert [finished.result()[0] for finished in found] == [1, 4, 9, 16]
        assert said == [(number, number) for number in range(5)]
        assert len(list(crew.run([1]))) == 1
        shared = engine.share([1, 2])
        assert shared.get() == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"closed-{os.getpid()}", f"made-{os.getpid()}"]  # one worker for both runs


def test_an_error_of_a_job_is_its_own_and_keeps_its_name_here():
    with LocalEngine().crew(Mortal) as crew:
        first, second = crew.run([("raise", "x"), ("square", 3)])
    with pytest.raises(KeyError, match="x"):
        first.result()
    assert second.result() == 9


@pytest.mark.slow
def test_processes_share_the_jobs_and_close_their_workers(tmp_path):
    from functools import partial

    taken = []

    def jobs():
        for number in range(12):
            taken.append(number)
            yield number

    with ProcessEngine(2) as engine, engine.crew(partial(Squares, str(tmp_path))) as crew:
        found = crew.run(jobs())
        results = [next(found)]
        assert len(taken) < 8  # a few ahead at most
        results += found
        assert sorted((finished.index, finished.result()[0]) for finished in results) == [(number, number**2) for number in range(12)]
        pids = {finished.result()[1] for finished in results}
    made = {int(path.name.partition("-")[2]) for path in tmp_path.glob("made-*")}
    closed = {int(path.name.partition("-")[2]) for path in tmp_path.glob("closed-*")}
    assert pids <= made == closed
    assert os.getpid() not in made
    assert len(made) <= 2
    assert all(_ended(pid) for pid in made)


@pytest.mark.slow
def test_jobs_are_done_at_the_same_time(processes, tmp_path):
    # Each waits until both have begun, so they end only if two processes do them.
    first, second = (finished.result() for finished in processes.run([("meet", str(tmp_path), 2)] * 2))
    assert first != second


@pytest.mark.slow
def test_a_process_that_dies_costs_a_retry_and_no_job(processes, tmp_path):
    jobs = [("die", str(tmp_path), 2), *(("square", number) for number in range(6))]
    found = sorted((finished.index, finished.result()) for finished in processes.run(jobs))
    assert found == [(0, 2), *((number + 1, number**2) for number in range(6))]  # killed twice, done the third time; nothing twice


@pytest.mark.slow
def test_a_job_whose_worker_always_dies_is_named_and_the_rest_is_done(processes, tmp_path):
    found = {finished.index: finished for finished in processes.run([("die", str(tmp_path), 99), ("square", 7)])}
    assert found[1].result() == 49
    with pytest.raises(EngineError, match=r"job 0 \(\('die', .*lost its worker 4 times; the last one: .*SIGKILL"):
        found[0].result()
    assert len(list(tmp_path.iterdir())) == 4  # the first time and three retries


@pytest.mark.slow
def test_errors_come_back_from_processes_with_their_name_and_where_they_were_raised(processes):
    found = sorted(processes.run([("raise", "x"), ("odd",)]), key=lambda finished: finished.index)
    with pytest.raises(KeyError, match="x") as raised:
        found[0].result()
    assert "engine_workers.py" in raised.value.__notes__[0]
    with pytest.raises(EngineError, match="OddError"):  # it cannot be pickled, but is named
        found[1].result()


@pytest.mark.slow
def test_what_is_given_up_is_ended_and_the_crew_goes_on(processes):
    for finished in processes.run([("square", 1), ("sleep", 600), ("sleep", 600)]):
        assert finished.result() == 1
        break
    else:
        pytest.fail("nothing was finished")
    assert [finished.result() for finished in processes.run([("square", 2)])] == [4]


@pytest.mark.slow
def test_reports_and_shared_values_cross_processes(processes):
    said = []
    engine = ProcessEngine(2)
    shared = engine.share([1, 2, 3])
    jobs = [("say",), ("get", shared)]
    found = {finished.index: finished.result() for finished in processes.run(jobs, lambda index, content: said.append((index, content)))}
    assert found == {0: None, 1: 3}
    assert said == [(0, 0), (0, 1), (0, 2)]
    path = shared.path
    assert path.is_file()
    del jobs, shared
    assert not path.exists()  # nobody holds it any longer
    engine.close()


@pytest.mark.slow
def test_a_worker_that_cannot_be_made_says_why():
    with ProcessEngine(1) as engine:
        with engine.crew(engine_workers.refuse) as crew, pytest.raises(ValueError, match="no worker of this kind"):
            list(crew.run([1]))
        with engine.crew(engine_workers.die) as crew, pytest.raises(EngineError, match=r"4 workers in a row died .*SIGKILL"):
            list(crew.run([1]))


def test_engines_by_name():
    assert isinstance(make_engine("local"), LocalEngine)
    assert isinstance(make_engine("local", 1), LocalEngine)
    assert make_engine("local", 3).workers == 3
    with pytest.raises(UnknownNameError, match="Did you mean 'ray'"):
        make_engine("rai")
    with pytest.raises(OptionError, match="at least 0"):
        make_engine("local", -1)
    with pytest.raises(OptionError, match="--engine ray"):
        make_engine("local", 2, "10.0.0.1:6379")
