"""Work on a Ray cluster of several node processes, one of them killed in the middle."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import ray_cluster  # sets what Ray reads when it is imported

pytest.importorskip("ray", reason="Ray is not installed")

import engine_workers
import msgspec
from engine_workers import Mortal, Squares

from prm_gym.agent import make_agent
from prm_gym.engines import LocalEngine, make_engine, ray_engine
from prm_gym.engines.ray_engine import RayEngine
from prm_gym.engines.shards import Shard, ShardWorker, shards
from prm_gym.errors import EngineError, OptionError
from prm_gym.rollout import groups

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
        found = {finished.index: finished for finished in crew.run(jobs, lambda *_: None)}
        list(crew.run([("square", 1), ("say",)], lambda index, content: said.append((index, content))))  # by now it is there who takes the reports
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


def test_bad_numbers_and_addresses(nodes):
    for wrong in ({"workers": -1}, {"cpus": 0}, {"gpus": -1}, {"retries": -1}, {"patience": 0}):
        with pytest.raises(OptionError, match="above 0"):
            RayEngine(**wrong)
    with pytest.raises(OptionError, match="cpu"):
        make_engine("ray?cpu=2")


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
