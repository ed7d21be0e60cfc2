"""Work on a Ray cluster of several node processes, one of them killed in the middle."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import ray_cluster  # sets what Ray reads when it is imported

pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("torch", reason="PyTorch is not installed")

import engine_workers
import msgspec
from engine_workers import Mortal, Squares
from sharded_runs import course, sharded
from stopped_runs import StopError

from prm_gym import StepContext, Task
from prm_gym.agent import make_agent
from prm_gym.claims import Equality
from prm_gym.cli import main
from prm_gym.engines import LocalEngine, make_engine, ray_connection, ray_engine
from prm_gym.engines.labels import Labelling, LabelWorker
from prm_gym.engines.ray_engine import RayEngine
from prm_gym.engines.shards import Shard, ShardWorker, shards
from prm_gym.errors import EngineError, OptionError
from prm_gym.montecarlo import LabelOptions, RolloutLabeller
from prm_gym.rollout import groups
from prm_gym.store import BrokenLine, read_trajectories
from prm_gym.training.compare import Plan, compare
from prm_gym.training.run import train
from prm_gym.verifier import make_verifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes():
    with ray_cluster.cluster(2) as made:
        yield made


@pytest.fixture
def engine(nodes):
    with RayEngine(2, nodes.address) as made:
        yield made


def _shards(count):
    return [Shard(tuple(part), 5) for part in shards(groups(range(count), 4), 8)]


def _played(crew, jobs, after=None):
    found = {}
    for finished in crew.run(jobs):
        assert finished.index not in found  # nothing twice
        found[finished.index] = finished.result()
        if after is not None and len(found) == 2:
            after()
    return [trajectory for index in range(len(jobs)) for trajectory in found[index]]  # and nothing missing


def test_a_killed_node_changes_nothing_in_a_rollout(nodes, engine):
    # Without verifiers no time is measured, so what is stored is the same to the byte.
    worker = partial(ShardWorker, partial(make_agent, "random"), "prm_gym/Countdown-v0", {"difficulty": 2, "verifiers": [], "reward": "outcome"})
    jobs = _shards(40)
    with LocalEngine() as here, here.crew(worker) as crew:
        expected = msgspec.json.encode(_played(crew, jobs))
    victim = nodes.add_node(num_cpus=1)
    try:
        with RayEngine(3, nodes.address) as three, three.crew(worker) as crew:
            _played(crew, jobs[:6])
            assert victim.node_ip_address  # three actors on three nodes, one of which is killed with a shard of it under way
            assert msgspec.json.encode(_played(crew, jobs, lambda: ray_cluster.kill(victim))) == expected
    finally:
        nodes.remove_node(victim, allow_graceful=False)


def test_jobs_on_a_cluster(engine, tmp_path):
    dying, doomed = tmp_path / "dying", tmp_path / "doomed"
    dying.mkdir()
    doomed.mkdir()
    said = []
    shared = engine.share([1, 2, 3])
    jobs = [("square", 3), ("raise", "x"), ("get", shared), ("die", str(dying), 2), ("die", str(doomed), 99)]
    with engine.crew(Mortal) as crew:
        list(crew.run([("square", 1), ("say",)], lambda index, content: said.append((index, content))))
        found = {finished.index: finished for finished in crew.run(jobs, lambda *_: None)}
    assert [found[index].result() for index in (0, 2, 3)] == [9, 3, 2]
    with pytest.raises(KeyError, match="x") as raised:
        found[1].result()
    assert "engine_workers.py" in raised.value.__notes__[0]
    with pytest.raises(EngineError, match=r"job 4 \(\('die', .*lost its worker 4 times"):
        found[4].result()
    assert len(list(doomed.iterdir())) == 4
    assert said == [(1, 0), (1, 1), (1, 2)]


def test_actors_are_made_once_and_end_with_their_crew(engine, tmp_path):
    with engine.crew(partial(Squares, str(tmp_path))) as crew:
        for _ in range(2):
            assert sorted(finished.result()[0] for finished in crew.run(range(4))) == [0, 1, 4, 9]
    assert len(list(tmp_path.glob("made-*"))) == len(list(tmp_path.glob("closed-*"))) <= 2


def test_a_worker_that_cannot_be_made_says_why(engine):
    with engine.crew(engine_workers.refuse) as crew, pytest.raises(ValueError, match="no worker of this kind"):
        list(crew.run([1]))


def test_another_version_on_a_node_is_named(engine, monkeypatch):
    monkeypatch.setattr(ray_engine, "VERSION", "99.0")  # of the driver; the nodes have the one that is installed
    with engine.crew(Mortal) as crew, pytest.raises(EngineError, match=r"the node 127.0.0.1 has prm_gym .*, and this is 99.0: install the same version"):
        list(crew.run([("square", 1)]))


def test_a_cluster_without_room_says_so(nodes):
    said = "no worker could be had within 2 s: the cluster has"
    with RayEngine(1, nodes.address, cpus=64, patience=2) as engine, engine.crew(Mortal) as crew, pytest.raises(EngineError, match=said):
        list(crew.run([("square", 1)]))


def test_an_address_where_nothing_listens_is_told_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        address = f"127.0.0.1:{free.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(EngineError, match=rf"no Ray cluster at {address}: nothing answers there .*ray start --head"):
            RayEngine(1, address)
    assert time.monotonic() - began < ray_connection.ANSWER_SECONDS + 5  # Ray itself takes more than a minute


def test_one_process_has_one_cluster(nodes, engine):
    port = nodes.address.rpartition(":")[2]
    other = "127.0.0.1:1" if port != "1" else "127.0.0.1:2"
    with pytest.raises(EngineError, match=rf"connected to the Ray cluster at {nodes.address}, and the one at {other} is asked for"):
        RayEngine(1, other)
    for same in (nodes.address, f"localhost:{port}", "auto", ""):
        RayEngine(1, same).close()
    assert engine.ray.is_initialized()  # which is not theirs to end


def test_the_connection_ends_with_the_last_that_uses_it(nodes):
    step = StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=(Equality("2 * 3", "6"),))
    first = RayEngine(1, nodes.address)
    pool = make_verifier("ray(arithmetic, actors=1)")
    try:
        first.close()
        first.close()
        assert pool.verify([step])[0].status == "ok"  # its actors are there: the engine that had made the connection was not alone with it
        second = RayEngine(1)
        pool.close()
        assert first.ray.is_initialized()
        with second.crew(Mortal) as crew:
            assert [finished.result() for finished in crew.run([("square", 3)])] == [9]
        second.close()
        assert not first.ray.is_initialized()
    finally:
        pool.close()
        first.ray.shutdown()


def test_a_connection_of_the_callers_own_is_left_alone(nodes):
    ray = RayEngine(1, nodes.address).ray
    ray.shutdown()
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    try:
        RayEngine(1).close()
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_bad_numbers_and_addresses(nodes):
    for wrong in ({"workers": -1}, {"cpus": 0}, {"gpus": -1}, {"retries": -1}, {"patience": 0}):
        with pytest.raises(OptionError, match="above 0"):
            RayEngine(**wrong)
    with pytest.raises(OptionError, match="cpu"):
        make_engine("ray?cpu=2")


# Commands. What they find alone in this process is what they are to find on the cluster.


def _run(*arguments):
    main([str(argument) for argument in arguments])


def test_a_rollout_by_the_command_is_the_same_file(nodes, tmp_path, capsys):
    command = ("rollout", "--env", "prm_gym/Countdown-v0", "--tasks", 20, "--attempts", 3, "--env-option", "verifiers=[]", "--json", "--out")
    _run(*command, tmp_path / "here")
    here = capsys.readouterr().out
    _run(*command, tmp_path / "there", "--engine", "ray", "--workers", 2, "--ray-address", nodes.address)
    assert capsys.readouterr().out.replace("/there", "/here") == here
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    lines = (tmp_path / "here").read_bytes().splitlines(keepends=True)
    (tmp_path / "there").write_bytes(b"".join([lines[50], *lines[:7], lines[9][:30]]))  # what a crash may have left
    with pytest.warns(BrokenLine):
        _run(*command, tmp_path / "there", "--engine", "ray", "--workers", 2, "--ray-address", nodes.address)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


def test_an_agent_that_draws_from_its_own_generator_stays_in_one_process(nodes, capsys):
    with pytest.raises(SystemExit):
        _run("rollout", "--agent", "mixed", "--tasks", 1, "--engine", "ray", "--workers", 1, "--ray-address", nodes.address)
    assert "the agent 'mixed' does not draw its actions from the seeds" in capsys.readouterr().err


def test_labels_are_the_same_though_a_node_is_killed(nodes, tmp_path):
    file, worker = tmp_path / "played", partial(LabelWorker, ("arithmetic",), partial(RolloutLabeller, "random", LabelOptions(k=4)))
    _run("rollout", "--env", "prm_gym/Countdown-v0", "--tasks", 24, "--attempts", 1, "--out", file, "--json")
    found = list(read_trajectories(file))
    jobs = [Labelling(tuple(found[start : start + 2])) for start in range(0, 24, 2)]
    with LocalEngine() as here, here.crew(worker) as crew:
        expected = _played(crew, jobs)
    victim = nodes.add_node(num_cpus=1)
    try:
        with RayEngine(3, nodes.address) as three, three.crew(worker) as crew:
            assert _played(crew, jobs, lambda: ray_cluster.kill(victim)) == expected  # verdicts are equal when all but their seconds is
    finally:
        nodes.remove_node(victim, allow_graceful=False)
    assert {"arithmetic", "montecarlo"} <= set(expected[0].steps[0].verdicts)


def test_the_command_labels_on_a_cluster(nodes, tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"problem": f"1 + {n}", "response": f"1 + {n} = {n + 1 + n % 2}", "gold": str(n + 1)}) + "\n" for n in range(70)))
    command = ("label", rows, "--json", "--out")
    _run(*command, tmp_path / "here")
    here = capsys.readouterr().out
    _run(*command, tmp_path / "there", "--engine", "ray", "--workers", 2, "--ray-address", nodes.address)
    assert capsys.readouterr().out.replace("/there", "/here") == here
    assert list(read_trajectories(tmp_path / "there")) == list(read_trajectories(tmp_path / "here"))


def _trained(**changes):
    return sharded(**{"budget": 200, "checkpoint_every": 2, **changes})


def test_training_takes_the_same_course_though_it_is_stopped_and_a_node_is_killed(nodes, tmp_path):
    train(_trained(), tmp_path / "here")
    batches = []

    def stop_at_the_third(_steps):
        batches.append(None)
        if len(batches) == 3:
            raise StopError

    with pytest.raises(StopError):
        train(_trained(), tmp_path / "there", stop_at_the_third)
    victim = nodes.add_node(num_cpus=1)

    def kill_at_the_next(_steps):
        batches.append(None)
        if len(batches) == 4:
            ray_cluster.kill(victim)  # one of three nodes with an actor on each

    try:
        with RayEngine(3, nodes.address) as three:
            train(_trained(), tmp_path / "there", kill_at_the_next, engine=three)
    finally:
        nodes.remove_node(victim, allow_graceful=False)
    assert len(batches) > 5
    assert course(tmp_path / "there") == course(tmp_path / "here")


def test_without_shards_there_is_nothing_for_workers_to_play(engine, tmp_path):
    with pytest.raises(OptionError, match="--shard 32"):
        train(_trained(shard=0), tmp_path / "run", engine=engine)


def test_a_comparison_goes_on_elsewhere_when_a_node_is_killed(nodes, tmp_path):
    base = _trained(budget=250, shard=0)
    plan = Plan(base=base, credits=("gigpo",), rewards=("outcome",), seeds=(0, 1, 2), directory=tmp_path / "there")
    victim = nodes.add_node(num_cpus=1)
    killed, told = [], set()

    def notice(config, _steps):
        told.add(config.seed)
        if not killed and len(list(plan.directory.glob("*/*/state.json"))) == 3:
            killed.append(victim)
            ray_cluster.kill(victim)  # one of three nodes with a run on each

    try:
        with RayEngine(3, nodes.address) as three:
            there = compare(plan, notice, three)
    finally:
        nodes.remove_node(victim, allow_graceful=False)
    assert killed
    assert told == {0, 1, 2}
    for run in there.runs:
        here = train(_trained(budget=250, shard=0, reward="outcome", seed=run.seed), tmp_path / f"here-{run.seed}")
        assert [(point.env_steps, point.success) for point in run.curve] == [(point.env_steps, point.success) for point in here.curve]
    assert not [note for note in there.notes if "Failed" in note]


_INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run as a background job, which a shell makes deaf to it
from prm_gym.cli import main
if __name__ == "__main__":
    main(["rollout", "--env", "prm_gym/Countdown-v0", "--engine", "ray", "--workers", "1", "--tasks", "200000", "--attempts", "1", "--out", sys.argv[1]])
"""


def test_an_interruption_leaves_no_process_behind(tmp_path):
    mark = f"PRM_GYM_TEST_MARK={os.getpid()}-{time.monotonic_ns()}"
    environment = {**os.environ, **dict([mark.split("=")])}
    environment.pop("RAY_ADDRESS", None)
    script, out = tmp_path / "script.py", tmp_path / "out.jsonl"
    script.write_text(_INTERRUPTED)
    process = subprocess.Popen([sys.executable, str(script), str(out)], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 200
    try:
        while not (out.is_file() and out.stat().st_size):
            assert time.monotonic() < deadline, "no trajectory in time"
            assert process.poll() is None, process.communicate()
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to all of the group
        _, said = process.communicate(timeout=100)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 130
    assert "the same command goes on" in said
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left


def _marked(mark):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes())
        except OSError:
            continue
    return found


_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from engine_workers import Mortal
from prm_gym.engines import make_engine
if __name__ == "__main__":
    with make_engine("ray", 1) as engine, engine.crew(Mortal) as crew:
        print([finished.result() for finished in crew.run([("square", 5)])], [node["NodeManagerAddress"] for node in engine.ray.nodes()])
"""


def test_a_cluster_of_its_own_is_this_machine_alone_and_leaves_nothing(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("RAY_ADDRESS", None)
    environment.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
    script = tmp_path / "alone.py"
    script.write_text(_ALONE)
    process = subprocess.Popen(
        [sys.executable, str(script), str(Path(__file__).parent)], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    out, _ = process.communicate(timeout=200)
    assert out.splitlines()[-1] == "[25] ['127.0.0.1']"


_WITHOUT = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "ray":
            raise ImportError("hidden")
sys.meta_path.insert(0, Hidden())
from prm_gym.cli import main
main(["rollout", "--engine", "ray", "--tasks", "1"])
"""


def test_without_ray_the_extra_is_named():
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 2
    assert "pip install 'prm-gym[ray]'" in done.stderr
