"""What comes from other processes is written like what was made here."""

import copy
import pickle
import re

import msgspec
import pytest

import prm_gym.claims
from prm_gym.claims import Case, Claim, Entailment, ForeignClaim, Hop, Program, Sparse, Statement
from prm_gym.cli import main

# Of formulas in the default notation, so that the last field is left out; the number in the name is no literal, so that Python makes a string of its own of it.
LEFT_OUT = Entailment(Statement("int1", "B", ("fact1",)), (Statement(f"fact{1}", "A"),))


@pytest.mark.parametrize(
    "claim",
    [
        LEFT_OUT,
        Entailment(LEFT_OUT.statement, LEFT_OUT.known, "".join(("f", "ld"))),  # equal to the default, and not the default itself: written
        Program("def f(x): return x", function="f", cases=(Case((1,), 2), Case((2,), raises="ValueError"))),
        ForeignClaim("other", {"a": [1, 2]}),
    ],
)
def test_a_pickled_claim_is_equal_and_written_alike(claim):
    for made in (pickle.loads(pickle.dumps(claim)), pickle.loads(pickle.dumps(claim, pickle.HIGHEST_PROTOCOL)), copy.deepcopy(claim)):
        assert made == claim
        assert type(made) is type(claim)
        assert msgspec.json.encode(made) == msgspec.json.encode(claim)


def test_what_is_left_out_is_so_because_it_is_the_default_itself():
    # The reason of it all: should msgspec compare by value one day, `Sparse` is not needed any more.
    assert b"language" not in msgspec.json.encode(LEFT_OUT)
    assert b"language" in msgspec.json.encode(msgspec.structs.replace(LEFT_OUT, language="".join(("f", "ld"))))


def test_every_record_of_claims_that_leaves_defaults_out_keeps_them_apart():
    kinds = [value for value in vars(prm_gym.claims).values() if isinstance(value, type) and issubclass(value, msgspec.Struct)]
    sparse = [kind for kind in kinds if kind.__struct_config__.omit_defaults]
    assert {Entailment, Case, Hop} <= set(sparse)
    assert [kind for kind in sparse if not issubclass(kind, Sparse)] == []
    assert issubclass(Claim, Sparse)


@pytest.mark.slow
@pytest.mark.parametrize(("env", "tasks"), [("Deduction", 20), ("CodeSteps", 2), ("SQL", 3)])
def test_a_rollout_by_processes_is_the_same_file_but_for_seconds(env, tasks, tmp_path, capsys):
    command = ["rollout", "--env", f"prm_gym/{env}-v0", "--agent", "random", "--tasks", str(tasks), "--attempts", "2", "--json", "--out"]
    main([*command, str(tmp_path / "here")])
    main([*command, str(tmp_path / "there"), "--workers", "2"])
    capsys.readouterr()
    here, there = (re.sub(rb'_seconds":[\d.e-]+', b'_seconds":0', (tmp_path / name).read_bytes()) for name in ("here", "there"))
    assert here.count(b"\n") == 2 * tasks
    assert there == here
