"""Verifiers of a server: the verdicts that they give beside it, and none where there is none."""

import pickle

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

import gymnasium as gym
import msgspec
from served_worlds import WORLD, MoodyVerifier
from serving_tools import BrokenLine, ask

from prm_gym.claims import Entailment, Equality, Malformed, Statement
from prm_gym.errors import OptionError, ServingError
from prm_gym.serving.judges import Judge
from prm_gym.serving.offer import Limits
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier, verify_batch, verify_claims

FACTS = (Statement("fact1", "{A}"), Statement("fact2", "{A} -> {B}"))
CLAIMS = [Equality("2 + 2", "4"), Equality("2 + 2", "5"), Malformed("no step"), Entailment(Statement("int1", "{B}", ("fact1", "fact2")), FACTS)]


def step(action, *claims):
    return StepContext(task=Task("t", "", "", {"gold": 3}), observation="seen", action=action, claims=claims)


def without_times(verdict):
    return msgspec.structs.replace(verdict, run_seconds=0.0, queued_seconds=0.0)


@pytest.mark.parametrize(("name", "spec"), [("z3", "z3"), ("arithmetic", "arithmetic"), ("numbers", "sequence(arithmetic, reachable)")])
def test_verdicts_are_those_beside_it(server, name, spec):
    here = make_verifier(spec)
    there = make_verifier(f"remote:{server.url}?verifier={name}")
    assert (there.id, there.version, there.pure, there.claims, there.wants_claims) == (here.id, here.version, here.pure, here.claims, here.wants_claims)
    steps = [step("", claim) for claim in CLAIMS]
    assert list(map(without_times, there.verify(steps))) == [without_times(row[here.id]) for row in verify_batch([here], steps)]
    assert there.verify([]) == []
    copy = pickle.loads(pickle.dumps(there))
    assert [verdict.score for verdict in copy.verify(steps)] == [verdict.score for verdict in there.verify(steps)]
    for verifier in (here, there, copy):
        verifier.close()


def test_claims_alone_as_json(server):
    claims = [{"type": "equality", "left": "1 + 1", "right": "2"}, {"type": "equality", "left": "1 + 1", "right": "3"}, {"type": "nowhere", "x": 1}]
    status, _, said = ask(server.url, "POST", "/v1/verify", {"verifier": "arithmetic", "claims": claims})
    assert status == 200
    assert [verdict["score"] for verdict in said["verdicts"]] == [1.0, 0.0, None]  # what it does not know it cannot judge
    assert said["verdicts"][2]["status"] == "abstain"


def test_the_verifiers_that_there_are(server):
    said = ask(server.url, "GET", "/v1/verifiers")[2]["verifiers"]
    assert [each["name"] for each in said] == ["z3", "arithmetic", "numbers"]
    assert said[1]["card"]["claims"] == ["equality"]


def test_a_remote_verifier_judges_an_environment(server):
    env = gym.make("prm_gym/Countdown-v0", difficulty=1, verifiers=[f"remote:{server.url}?verifier=arithmetic&id=far", "arithmetic"], reward="dense")
    env.reset(seed=0)
    for action in ("no step", *env.unwrapped.solution()):
        verdicts = env.step(action)[4]["verdicts"]
        assert (verdicts["far"].label, verdicts["far"].score) == (verdicts["arithmetic"].label, verdicts["arithmetic"].score)
        assert verdicts["far"].verifier == "far"
    env.close()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"verifier": "z3"}, 400, "bad_request"),
        ({"verifier": "z3", "claims": [], "steps": []}, 400, "bad_request"),
        ({"verifier": "judge:MODEL", "claims": []}, 403, "not_offered"),
        ({"verifier": "z3", "claims": [3]}, 400, "bad_request"),
        ({"verifier": "z3", "claims": [{"type": "equality", "left": 3}]}, 400, "bad_request"),
        ({"verifier": "z3", "steps": [{"task": {}, "observation": "", "action": ""}]}, 400, "bad_request"),
    ],
)
def test_questions_that_are_none(server, body, status, code):
    got, _, said = ask(server.url, "POST", "/v1/verify", body)
    assert (got, said["code"]) == (status, code)


def test_too_many_steps_and_too_large_ones(moody):
    claim = {"type": "equality", "left": "1 + 1", "right": "2"}
    status, _, said = ask(moody.url, "POST", "/v1/verify", {"verifier": "arithmetic", "claims": [claim] * 9})
    assert (status, said["code"]) == (413, "too_large")
    # The client halves what is refused: a step that is too large by itself (64 KiB here), that JSON cannot carry or that is ill-typed spoils no other.
    verifier = make_verifier(f"remote:{moody.url}?verifier=arithmetic")
    steps = [step("", CLAIMS[0]) for _ in range(20)] + [step("x" * 70_000, CLAIMS[0]), step("\ud800", CLAIMS[0]), step("", Equality(3, "4"))]
    verdicts = verifier.verify(steps)
    assert [verdict.score for verdict in verdicts] == [1.0] * 20 + [None] * 3
    assert {verdict.status for verdict in verdicts[20:]} == {"error"}
    verifier.close()


def test_no_verdict_is_none_and_never_zero(server):
    silent = BrokenLine(server.port, range(1, 100), silent=True)
    verifier = make_verifier(f"remote:{silent.url}?verifier=z3&timeout=0.5")
    verdicts = verifier.verify([step("", claim) for claim in CLAIMS])
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [("timeout", None)] * 4
    silent.close()
    line = BrokenLine(server.port, range(1, 100))
    verifier = make_verifier(f"remote:{line.url}?verifier=z3")
    verdicts = verifier.verify([step("", claim) for claim in CLAIMS])
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [("error", None)] * 4
    assert "cannot be reached" in verdicts[0].reason
    line.close()


def test_a_verifier_that_cannot_be_had(server):
    with pytest.raises(OptionError, match="Did you mean 'z3'"):
        make_verifier(f"remote:{server.url}?verifier=z33")
    with pytest.raises(OptionError, match="url is the address"):
        make_verifier("remote:nowhere?verifier=z3")
    with pytest.raises(ServingError, match="cannot be reached"):
        make_verifier("remote:http://127.0.0.1:9?verifier=z3")
    with pytest.raises(OptionError):
        make_verifier("remote?verifier=z3")


@pytest.mark.parametrize(("action", "status"), [("hang", "timeout"), ("crash", "error")])
def test_a_step_over_which_a_verifier_hangs_or_dies_goes_without_a_verdict_alone(action, status):
    judge = Judge("moody", MoodyVerifier, Limits(verify_seconds=1.5, request_seconds=60.0))
    try:
        verdicts = judge.verify([step("good"), step(action), step("good")])
        assert [(verdict.status, verdict.score) for verdict in verdicts] == [("ok", 1.0), (status, None), ("ok", 1.0)]
        assert {(verdict.verifier, verdict.version) for verdict in verdicts} == {("moody", "1")}
        late = Judge("moody", MoodyVerifier, Limits(request_seconds=1e-6))
        assert [(verdict.status, verdict.score) for verdict in late.verify([step("good")])] == [("timeout", None)]
        late.close()
    finally:
        judge.close()


def test_a_verifier_of_a_server_that_serves_no_environment():
    from prm_gym.serving.offer import Offer
    from prm_gym.serving.server import Server

    with Server(Offer.of([], verifiers=["arithmetic"]), port=0) as running:
        assert [verdict.score for verdict in verify_claims(f"remote:{running.url}?verifier=arithmetic", CLAIMS[:2])] == [1.0, 0.0]
        assert ask(running.url, "POST", "/v1/sessions", {"env": WORLD})[2]["code"] == "not_offered"
