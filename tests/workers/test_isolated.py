"""Verifiers in worker processes: the same verdicts, and a deadline."""

import gc
import os
import pickle
import time

import gymnasium as gym
import pytest

from prm_gym import StepContext, Task
from prm_gym.claims import Equality, Malformed, Reachable
from prm_gym.compose import COMPOSITIONS
from prm_gym.errors import OptionError, UnknownNameError, WorkerError
from prm_gym.verdict import judged
from prm_gym.verifier import VERIFIERS, make_verifier, make_verifiers, verify_batch
from prm_gym.workers import Isolated

TASK = Task(key="t", instructions="", question="")


def _step(*claims):
    return StepContext(task=TASK, observation="", action="", claims=claims)


@pytest.fixture
def fragile():
    """A verifier that hangs, dies or raises over some claims; from a module that the workers find."""
    from fragile import Fragile

    return Fragile


def test_verdicts_are_those_of_the_verifier_itself():
    steps = [_step(Equality("4 * 6", "24")), _step(Equality("4 * 6", "23")), _step(), _step(Malformed("no")), _step(Reachable((), "1"))] * 3
    plain, isolated = make_verifiers(["arithmetic"]), make_verifiers(["isolated(arithmetic)"])
    ours = verify_batch(isolated, steps)
    assert ours == verify_batch(plain, steps)
    assert all(row["arithmetic"].queued_seconds > 0 for row in ours)
    assert (isolated[0].id, isolated[0].version, isolated[0].claims) == (plain[0].id, plain[0].version, plain[0].claims)
    isolated[0].close()


def test_stepping_gives_the_same_verdicts():
    rows = []
    for spec in ("z3", "isolated(z3)"):
        env = gym.make("prm_gym:prm_gym/Deduction-v0", verifiers=[spec], difficulty=2)
        seen = []
        for seed in range(3):
            _, info = env.reset(seed=seed)
            over = False
            for turn in range(4):
                actions = info["actions"]
                if over or not actions:
                    break
                _, reward, terminated, truncated, info = env.step(actions[(7 * turn) % len(actions)])
                over = terminated or truncated
                seen.append((reward, info["verdicts"]["z3"]))
        rows.append(seen)
        env.close()
    assert len(rows[0]) > 6
    assert len({verdict.label for _, verdict in rows[0]}) > 1
    assert rows[0] == rows[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # of Python 3.12 and later, of any fork of a process with threads
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_in_an_asynchronous_vector_environment(context):
    # Its processes are daemons, which may have no children of multiprocessing.
    options = {"verifiers": ["isolated(z3)"], "difficulty": 1}
    envs = gym.make_vec(
        "prm_gym:prm_gym/Deduction-v0", num_envs=2, vectorization_mode="async", vector_kwargs={"context": context, "shared_memory": False}, **options
    )
    try:
        envs.reset(seed=0)
        for _ in range(3):
            _, _, _, _, info = envs.step(("fact1 & fact2 -> int1: {B}", "nonsense"))
        assert [verdict.label for verdict in info["verdicts"]["z3"]][1] == "malformed"
    finally:
        envs.close()


def test_a_verifier_that_hangs_dies_or_raises(fragile):
    isolated = Isolated(fragile(), deadline=0.5)
    steps = [_step(Equality(left, "")) for left in ("1", "hang", "die", "raise", "1")]
    began = time.monotonic()
    verdicts = [row["fragile"] for row in verify_batch([isolated], steps)]
    isolated.close()
    assert time.monotonic() - began < 10
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [("ok", 1.0), ("timeout", None), ("error", None), ("error", None), ("ok", 1.0)]
    assert verdicts[1].reason == "verifier 'fragile' gave no verdict within 0.5 s"
    assert verdicts[2].reason == "verifier 'fragile': the worker exited with code 1"
    assert verdicts[3].reason == "verifier 'fragile' raised ValueError: no"
    assert verdicts[1].run_seconds >= 0.5
    assert all((verdict.verifier, verdict.version) == ("fragile", "3") for verdict in verdicts)


def test_a_class_can_be_named(fragile):
    isolated = Isolated(fragile)
    assert isolated.verify([_step(Equality("1", ""))])[0].score == 1.0
    isolated.close()


def test_compositions_nest():
    verifier = make_verifier("cached(isolated(all(arithmetic, reachable), workers=1, deadline=2.5, memory_mb=512))")
    inner = verifier.members[0]
    assert isinstance(inner, Isolated)
    assert inner.deadline == 2.5
    assert verifier.verify([_step(Equality("1 + 1", "2"))])[0].status == "abstain"  # reachable cannot tell
    verifier.close()
    assert "isolated" in COMPOSITIONS


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("isolated(aritmetic)", UnknownNameError, "Did you mean 'arithmetic'"),
        ("isolated()", OptionError, "isolated takes exactly one verifier, got none"),
        ("isolated(arithmetic, z3)", OptionError, "exactly one verifier, got arithmetic, z3"),
        ("isolated(arithmetic, deadlin=2)", OptionError, "Did you mean 'deadline'"),
        ("isolated(arithmetic, deadline=soon)", OptionError, "deadline is a number, got 'soon'"),
        ("isolated(arithmetic, deadline=-1)", OptionError, "deadline is a positive number"),
        ("isolated(arithmetic, workers=0)", OptionError, "workers is a whole number"),
    ],
)
def test_specifications_that_cannot_be_read(spec, error, says):
    with pytest.raises(error, match=says):
        make_verifier(spec)


def test_a_verifier_that_remembers_is_refused(fragile):
    impure = fragile()
    impure.pure = False
    with pytest.raises(OptionError, match="isolated takes a pure verifier"):
        Isolated(impure)


def test_a_verifier_that_cannot_be_pickled_is_refused(fragile):
    unpicklable = fragile()
    unpicklable.check = lambda claim, step: judged("correct", 1.0, "")
    with pytest.raises(OptionError, match="cannot be pickled"):
        Isolated(unpicklable)


def test_a_verifier_that_is_known_in_this_process_only_is_an_error(fragile, monkeypatch):
    monkeypatch.setitem(VERIFIERS._loaded, "here_only", fragile)
    isolated = make_verifier("isolated(here_only)")
    with pytest.raises(WorkerError, match="There is no verifier named 'here_only'"):
        isolated.verify([_step()])
    isolated.close()


def test_verifiers_with_the_same_options_share_workers(children):
    before = len(children(os.getpid()))
    several = [make_verifier("isolated(arithmetic)") for _ in range(5)]
    for verifier in several:
        assert verifier.verify([_step(Equality("1 + 1", "2"))])[0].score == 1.0
    assert len(children(os.getpid())) == before + 1
    for verifier in several[1:]:
        verifier.close()
    assert len(children(os.getpid())) == before + 1
    several[0].close()
    several[0].close()
    gc.collect()
    assert len(children(os.getpid())) == before
    # Closed and asked again, as by a second environment that was handed the same verifier.
    assert several[0].verify([_step(Equality("1 + 1", "3"))])[0].score == 0.0
    several[0].close()


def test_a_pickled_copy_judges_alike(fragile):
    for verifier in (make_verifier("isolated(arithmetic)"), Isolated(fragile())):
        other = pickle.loads(pickle.dumps(verifier))
        step = _step(Equality("1", "1"))
        assert other.verify([step]) == verifier.verify([step])
        other.close()
        verifier.close()
