"""Verifiers in pools of Ray actors: the same verdicts, whatever dies; the actor by itself; and what is refused before Ray is asked."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prm_gym import StepContext, Task
from prm_gym.compose import composition_names
from prm_gym.engines.pool_options import PoolOptions
from prm_gym.engines.verifier_actor import VerifierActor
from prm_gym.engines.verifier_pool import RayVerifier
from prm_gym.errors import MissingExtraError, OptionError, UnknownNameError, WorkerError
from prm_gym.verdict import judged
from prm_gym.verifier import Verifier, make_verifier

FOLDER = Path(__file__).parent
TASK = Task(key="t", instructions="", question="")


def _step(action=""):
    return StepContext(task=TASK, observation="", action=action)


# On a cluster of two nodes.


@pytest.fixture(scope="module")
def on_a_cluster(tmp_path_factory):
    """What the script says, which starts the cluster, and stops it."""
    pytest.importorskip("ray", reason="Ray is not installed: pools are not tested here")
    pytest.importorskip("psutil")
    environment = {**{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}, "PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path])}
    command = [sys.executable, str(FOLDER / "pool_in_ray.py"), str(tmp_path_factory.mktemp("judged"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(1000)  # the first of these tests starts the cluster, beside whatever else runs
def test_verdicts_are_those_of_the_verifier_itself(on_a_cluster):
    # Real episodes; enough steps, equal verdicts, equal id, version, claims and pure, and times above 0.
    alike = [True, True, True, True]
    assert on_a_cluster["same"] == {"z3": alike, "all(arithmetic, reachable)": alike, "execution:all": alike, "ended": True}


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_what_is_in_flight_is_bounded(on_a_cluster):
    said = on_a_cluster["bounded"]
    # A step has 200,000 characters, so a chunk of at most 1 MiB has 5; 60 steps are at least 12 chunks, of which one actor has two in hand.
    assert said["order"]
    assert said["in flight"] == 2
    assert 1.5 < said["MiB"] <= 2.0
    assert said["sent"] == 12
    assert said["threshold"] == 0.25  # what evaluation asks a verifier for goes through
    # As in the process: a pure verifier that raises is asked again step by step.
    assert said["raised"] == [["error", None, "verifier 'recording' raised ValueError: no"], ["ok", 1.0, "good"]]


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_pool_with_a_name_is_shared_and_ends_with_its_last_user(on_a_cluster):
    said = on_a_cluster["shared"]
    assert said.pop("another verifier").startswith("OptionError: a pool of this name is there already")
    assert said == {
        "one pool": True,
        "theirs": "theirs",
        "still there": ["mine"],  # the other caller has closed its own
        "ended": True,
        "not ours": [True],
        "idle": True,
        "again": ["again"],
    }


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_another_version_of_the_library_is_refused(on_a_cluster):
    assert on_a_cluster["versions"].startswith("WorkerError: prm_gym has the version 0.0.1 where the pool is used and ")
    assert on_a_cluster["versions"].endswith("install one on all nodes")


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_step_that_kills_every_actor_costs_its_neighbours_nothing(on_a_cluster):
    said = on_a_cluster["deadly"]
    # With two retries: the chunk dies, dies again alone, and of its three steps, which are sent one by one, the one in the middle dies.
    assert said["verdicts"] == [["ok", 1.0, "a"], ["error", None, "verifier 'recording': 3 actors died over the step"], ["ok", 1.0, "b"]]
    assert said["resent"] == 1 + 3
    assert said["seconds"]


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_node_that_is_killed_costs_nothing_but_time(on_a_cluster):
    said = on_a_cluster["killed"]
    assert said["in the middle"]
    assert said["of two nodes"]
    assert said["order"]
    assert said["status"] == [["ok", 1.0]]
    assert said["never judged"] == 0
    # The chunks that the dead actor had in hand are sent again: at most two, of 8 steps; those of them that it had judged are judged twice.
    assert 1 <= said["resent"] <= 2
    assert said["judged twice"] <= 16
    assert said["queued"]


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_pool_of_this_machine_alone_brings_its_cluster_and_takes_it_away(on_a_cluster):
    # Of two pools that are one, the first is closed: connected, the same actor, which is not gone. The second is: not connected, gone.
    assert on_a_cluster["alone"] == [True, True, False, False, True]


# The actor, in this process.


class Slow(Verifier):
    """Holds until it is let go, and says how many steps it sees at once."""

    id = "slow"
    version = "1"
    go = threading.Event()

    def verify(self, steps):
        self.go.wait(30)
        return [judged("correct", 1.0, step.action, batch=len(steps)) for step in steps]


class Leaving(Verifier):
    """Raises what is no Exception."""

    id = "leaving"
    version = "1"

    def __init__(self, kind):
        self.kind = kind

    def verify(self, steps):
        raise self.kind(3)


def _ask(actor, *sent):
    """Send chunks from several threads, in order; returns what comes back of each."""
    answers = {}

    def ask(place, actions, alone):
        answers[place] = pickle.loads(actor.verify(f"user {place}", pickle.dumps([_step(action) for action in actions]), alone))

    threads = [threading.Thread(target=ask, args=(place, actions, alone)) for place, (actions, alone) in enumerate(sent)]
    for place, thread in enumerate(threads):
        thread.start()
        limit = time.monotonic() + 10
        while len(actor._busy) <= place and time.monotonic() < limit:
            time.sleep(0.001)
        time.sleep(0.02)
    Slow.go.set()
    for thread in threads:
        thread.join(30)
    Slow.go.clear()
    return [answers[place] for place in range(len(sent))]


def test_what_several_callers_send_is_judged_together():
    actor = VerifierActor(pickle.dumps(Slow()), 5, 0.0)
    # While the first is judged the others come in: 2 and 3 steps make a batch of 5, which is full; one that is to be alone stays so.
    answers = _ask(actor, ("a", False), ("bc", False), ("def", False), ("g", False), ("h", True), ("i", False))
    assert [[verdict.reason for verdict in answer.verdicts] for answer in answers] == [["a"], ["b", "c"], ["d", "e", "f"], ["g"], ["h"], ["i"]]
    assert [answer.verdicts[0].evidence["batch"] for answer in answers] == [1, 5, 5, 1, 1, 1]
    assert answers[1].run_seconds == answers[2].run_seconds
    assert actor.leave("user 0") == 5
    assert actor.leave("nobody") == 5


def test_a_verifier_that_leaves_ends_no_actor():
    actor = VerifierActor(pickle.dumps(Leaving(KeyboardInterrupt)), 5, 0.0)
    for _ in range(2):
        with pytest.raises(WorkerError, match="KeyboardInterrupt: 3"):
            actor.verify("me", pickle.dumps([_step()]), False)
    actor = VerifierActor(pickle.dumps(Leaving(SystemExit)), 5, 0.0)  # a script's way to end: a failure as any other
    (verdict,) = pickle.loads(actor.verify("me", pickle.dumps([_step()]), False)).verdicts
    assert (verdict.status, verdict.score) == ("error", None)


# What is refused.


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("ray()", OptionError, "ray takes exactly one verifier, got none"),
        ("ray(arithmetic, z3)", OptionError, "exactly one verifier, got arithmetic, z3"),
        ("ray(arithmetic, actor=2)", OptionError, "Did you mean 'actors'"),
        ("ray(arithmetic, actors=many)", OptionError, "actors of the composition of verifiers 'ray' is a whole number, got 'many'"),
        ("ray(arithmetic, actors=0)", OptionError, "actors of a pool is a whole number of at least 1, got 0"),
        ("ray(arithmetic, retries=-1)", OptionError, "retries of a pool is a whole number of at least 0, got -1"),
        ("ray(arithmetic, chunk_mb=0)", OptionError, "chunk_mb of a pool is a number of at least 0.001, got 0"),
        ("ray(arithmetic, gpus=1.5)", OptionError, "gpus of a pool is a fraction of one or a whole number, got 1.5"),
        ("rai(arithmetic)", UnknownNameError, "Did you mean 'ray'"),
    ],
)
def test_specifications_that_cannot_be_read(spec, error, says):
    with pytest.raises(error, match=says):
        make_verifier(spec)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "soon"])
def test_options_that_are_no_numbers(value):
    with pytest.raises(OptionError, match="start_seconds of a pool is a number"):
        PoolOptions(start_seconds=value)


def test_a_verifier_that_cannot_be_pickled_is_refused():
    unpicklable = Slow()
    unpicklable.verify = lambda steps: []
    with pytest.raises(OptionError, match="cannot be pickled"):
        RayVerifier(unpicklable)


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'prm-gym\[ray\]'"):
        make_verifier("ray(arithmetic)")


def test_it_is_listed_with_the_other_compositions():
    assert {"ray", "isolated"} <= set(composition_names())
