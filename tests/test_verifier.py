import sys
import threading

import msgspec
import numpy as np
import pytest

from prm_gym import ClaimVerifier, StepContext, Task, Verdict, Verifier
from prm_gym.claims import (
    Case,
    Decision,
    Equality,
    ForeignClaim,
    Malformed,
    Program,
    Reachable,
    Statement,
    StatementEffect,
    TraceAnswer,
    claim_from_json,
)
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.verdict import abstained, failed, judged
from prm_gym.verifier import VERIFIERS, PastStep, declared_versions, make_verifier, make_verifiers, verify_batch, verify_claims
from prm_gym.verifiers.arithmetic import ArithmeticVerifier
from prm_gym.verifiers.z3 import Z3Verifier

TASK = Task(key="t", instructions="", question="")


def _step(*claims, action=""):
    return StepContext(task=TASK, observation="", action=action, claims=claims)


class Saying(Verifier):
    """Answers with whatever `answer` makes of the steps."""

    id = "saying"
    version = "7"

    def __init__(self, answer, pure=True):
        self.answer = answer
        self.pure = pure
        self.asked = []

    def verify(self, steps):
        self.asked.append(len(steps))
        return self.answer(steps)


def _right(steps):
    return [judged("correct", 1.0, step.action) for step in steps]


def _raises_on_b(steps):
    if any(step.action == "b" for step in steps):
        raise RuntimeError("b is too much")
    return _right(steps)


ABC = [_step(action=action) for action in "abc"]


# Specifications.


def test_a_name():
    assert isinstance(make_verifier("arithmetic"), ArithmeticVerifier)
    assert isinstance(make_verifier("  arithmetic "), ArithmeticVerifier)


def test_a_name_with_an_argument():
    verifier = make_verifier("z3:local")
    assert isinstance(verifier, Z3Verifier)
    assert (verifier.mode, make_verifier("z3").mode) == ("local", "propagate")
    with pytest.raises(OptionError, match="'propagate' or 'local', got 'lokal'"):
        make_verifier("z3:lokal")


def test_a_name_with_options():
    assert make_verifier("z3?mode=local").mode == "local"
    assert make_verifier("z3?mode=local&checker=null").mode == "local"
    assert [member.id for member in make_verifier("all(z3?mode=local, arithmetic)").members] == ["z3", "arithmetic"]
    with pytest.raises(OptionError, match="Did you mean 'mode'"):
        make_verifier("z3?mod=local")


def test_an_argument_that_the_verifier_does_not_take_is_a_bad_option():
    with pytest.raises(OptionError, match="arithmetic"):
        make_verifier("arithmetic:strict")


def test_objects_and_factories():
    verifier = Saying(_right)
    assert make_verifier(verifier) is verifier
    assert isinstance(make_verifier(ArithmeticVerifier), ArithmeticVerifier)
    assert make_verifier(lambda: verifier) is verifier


def test_a_composition_is_recognised():
    assert make_verifier("all(arithmetic, reachable)").id == "all(arithmetic, reachable)"


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("aritmetic", UnknownNameError, r"There is no verifier named 'aritmetic'. Did you mean 'arithmetic'\? Known: .*arithmetic, .*reachable"),
        ("aritmetic:x", UnknownNameError, "Did you mean 'arithmetic'"),
        ("", UnknownNameError, "named ''"),
        (None, OptionError, "a verifier is a name, a Verifier or something that makes one, got None"),
        (3, OptionError, "got 3"),
        (dict, ContractError, "a verifier must be a subclass of prm_gym.Verifier, got dict"),
    ],
)
def test_specifications_that_cannot_be_read(spec, error, says):
    with pytest.raises(error, match=says):
        make_verifier(spec)


def test_verifiers_without_id_or_version_are_refused():
    class Nameless(Verifier):
        version = "1"

        def verify(self, steps):
            return []

    class Versionless(Verifier):
        id = "x"
        version = 3

        def verify(self, steps):
            return []

    with pytest.raises(ContractError, match="Nameless declares no id"):
        make_verifier(Nameless())
    with pytest.raises(ContractError, match="Versionless declares no version"):
        make_verifier(Versionless)


def test_a_list_of_verifiers_has_distinct_ids():
    assert [verifier.id for verifier in make_verifiers(["arithmetic", "z3"])] == ["arithmetic", "z3"]
    assert make_verifiers([]) == ()
    with pytest.raises(OptionError, match="two verifiers have the id 'arithmetic'"):
        make_verifiers(["arithmetic", ArithmeticVerifier()])
    with pytest.raises(OptionError, match=r"the single string 'z3'; write \['z3'\]"):
        make_verifiers("z3")


def test_ours_are_declared_and_pure():
    assert {"arithmetic", "reachable", "z3"} <= set(VERIFIERS.names())
    assert all(make_verifier(name).pure for name in ("arithmetic", "reachable", "z3"))


# The batch.


def test_verdicts_are_signed_and_in_order():
    rows = verify_batch([Saying(_right), ArithmeticVerifier()], ABC)
    assert [row["saying"].reason for row in rows] == ["a", "b", "c"]
    assert all((row["saying"].verifier, row["saying"].version) == ("saying", "7") for row in rows)
    assert all(list(row) == ["saying", "arithmetic"] for row in rows)
    assert all(row["arithmetic"].status == "abstain" for row in rows)


def test_nobody_is_asked_about_nothing():
    verifier = Saying(_right)
    assert verify_batch([verifier], []) == []
    assert verifier.asked == []
    assert verify_batch([], ABC) == [{}, {}, {}]


def test_the_time_of_a_batch_is_shared_out_unless_the_verifier_measured_it():
    shared = verify_batch([Saying(_right)], ABC)
    assert len({row["saying"].run_seconds for row in shared}) == 1
    assert shared[0]["saying"].run_seconds > 0
    measured = verify_batch([Saying(lambda steps: [Verdict(status="abstain", run_seconds=3.0) for _ in steps])], ABC)
    assert [row["saying"].run_seconds for row in measured] == [3.0] * 3


@pytest.mark.parametrize("pure", [True, False])
def test_a_verifier_that_raises_is_named_and_the_run_goes_on(pure):
    verifier = Saying(_raises_on_b, pure)
    rows = verify_batch([verifier, ArithmeticVerifier()], ABC)
    broken = rows[1]["saying"]
    assert (broken.status, broken.label, broken.score) == ("error", None, None)
    assert broken.reason == "verifier 'saying' raised RuntimeError: b is too much"
    assert (broken.verifier, broken.version) == ("saying", "7")
    assert all(row["arithmetic"].status == "abstain" for row in rows)
    # A pure one is asked again, step by step; an impure one may not be.
    assert verifier.asked == ([3, 1, 1, 1] if pure else [3])
    assert [rows[0]["saying"].score, rows[2]["saying"].score] == ([1.0, 1.0] if pure else [None, None])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda steps: _right(steps)[:-1], "verifier 'saying' returned 2 verdicts for 3 steps"),
        (lambda steps: _right(steps) * 2, "verifier 'saying' returned 6 verdicts for 3 steps"),
        (lambda steps: [], "verifier 'saying' returned 0 verdicts for 3 steps"),
        (lambda steps: None, "verifier 'saying' raised TypeError"),
        (lambda steps: 1.0, "verifier 'saying' raised TypeError"),
        (lambda steps: sys.exit(0), "verifier 'saying' raised SystemExit: 0"),
        (lambda steps: [1.0] * 3, "verifier 'saying' returned float instead of a Verdict"),
        (lambda steps: [None] * 3, "verifier 'saying' returned NoneType instead of a Verdict"),
        (lambda steps: "abc", "verifier 'saying' returned str instead of a Verdict"),
        (lambda steps: [judged("correct", 2.0, "") for _ in steps], r"verifier 'saying' raised ContractError: a verdict's score is a probability"),
    ],
)
def test_answers_that_are_no_verdicts_are_errors_of_the_verifier(answer, says):
    rows = verify_batch([Saying(answer), ArithmeticVerifier()], ABC)
    for row in rows:
        assert (row["saying"].status, row["saying"].score) == ("error", None)
        assert says in row["saying"].reason
        assert row["arithmetic"].status == "abstain"


def test_one_wrong_answer_spoils_no_other():
    rows = verify_batch([Saying(lambda steps: [*_right(steps)[:-1], "right"])], ABC)
    assert [row["saying"].status for row in rows] == ["ok", "ok", "error"]


def test_any_iterable_of_verdicts_will_do():
    rows = verify_batch([Saying(lambda steps: (verdict for verdict in _right(steps)))], ABC)
    assert [row["saying"].score for row in rows] == [1.0] * 3


def test_an_interruption_is_not_swallowed():
    def interrupted(steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_batch([Saying(interrupted)], ABC)


def test_scores_of_numpy_become_numbers_that_can_be_stored():
    # Models return numpy's floats; a trajectory with one in it could not be written.
    rows = verify_batch([Saying(lambda steps: [judged("correct", np.float64(0.75), "") for _ in steps])], ABC)
    assert msgspec.json.decode(msgspec.json.encode(rows[0]["saying"]), type=Verdict) == rows[0]["saying"]
    assert rows[0]["saying"].score == 0.75


# Claims.


class Half(ClaimVerifier):
    """Scores by the number on the left; "?" cannot be told."""

    id = "half"
    version = "1"
    claims = (Equality,)

    def check(self, claim, step):
        if claim.left == "?":
            return abstained("who knows")
        score = float(claim.left)
        return judged("correct" if score > 0.5 else "incorrect", score, claim.left)


def _claims(*lefts):
    return _step(*(Equality(left, "") for left in lefts))


@pytest.mark.parametrize(
    ("step", "score"),
    [
        (_claims("0.9", "0.7"), 0.7),  # the lowest score
        (_claims("0.7", "0.9"), 0.7),
        (_claims("0.9", "?"), None),  # undecided, as nothing is refuted
        (_claims("?", "0.9"), None),
        (_claims("?", "0.2"), 0.2),  # refuted, whatever the other
        (_claims("0.2", "?", "0.9"), 0.2),
        (_claims("0.2", "0.1"), 0.1),
        (_step(), None),
        (_step(Reachable((), "1")), None),
        (_step(Reachable((), "1"), Equality("0.9", "")), 0.9),
        (_step(ForeignClaim("x", {})), None),
    ],
)
def test_a_step_gets_the_verdict_of_its_worst_claim(step, score):
    verdict = Half().verify([step])[0]
    assert verdict.score == score
    assert (verdict.status == "abstain") is (score is None)


def test_a_malformed_step_is_malformed_whatever_else_it_claims():
    verdict = Half().verify([_step(Equality("0.9", ""), Malformed("not a step"))])[0]
    assert (verdict.label, verdict.score, verdict.reason) == ("malformed", 0.0, "not a step")


# Verdicts.


def test_the_three_makers():
    assert judged("trivial", 0.0, "empty", left="1") == Verdict(status="ok", label="trivial", score=0.0, reason="empty", evidence={"left": "1"})
    assert abstained("no idea") == Verdict(status="abstain", reason="no idea")
    assert failed("broke") == Verdict(status="error", reason="broke")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "ok", "label": "correct"},  # judged, and no score
        {"status": "ok", "label": "malformed"},
        {"status": "abstain", "score": 0.0},  # "cannot tell" is never 0
        {"status": "timeout", "score": 0.5},
        {"status": "error", "score": 1.0},
        {"status": "ok", "score": 1.5},
        {"status": "ok", "score": -0.1},
        {"status": "ok", "score": float("nan")},
        {"status": "ok", "score": float("inf")},
        # A trajectory with one of these in it could be written, and never read again.
        {"status": "fine"},
        {"status": "ok", "label": "right", "score": 1.0},
    ],
)
def test_verdicts_that_say_nothing_are_refused(fields):
    with pytest.raises(ContractError):
        Verdict(**fields)


@pytest.mark.parametrize("fields", [{"status": "ok"}, {"status": "ok", "label": "neutral"}, {"status": "ok", "score": 0.0}, {"status": "ok", "score": 1.0}])
def test_verdicts_at_the_edge_of_what_is_allowed(fields):
    Verdict(**fields)


def test_equality_leaves_the_timings_out():
    verdict = judged("correct", 1.0, "why", number=1)
    later = msgspec.structs.replace(verdict, run_seconds=1.0, queued_seconds=2.0)
    assert verdict == later
    assert not (verdict != later)  # noqa: SIM202 - a struct has its own __ne__
    assert hash(verdict) == hash(later)
    others = {"status": "abstain", "label": "neutral", "score": 0.9, "reason": "x", "evidence": {}, "verifier": "v", "version": "2", "schema": 2}
    for name, value in others.items():
        changes = {name: value, **({"score": None, "label": None} if name == "status" else {})}
        assert msgspec.structs.replace(verdict, **changes) != verdict
    assert verdict != "correct"


def test_a_verdict_survives_storage():
    verdict = judged("incorrect", 0.25, "counterexample", model={"x": [1, None, "é"]})
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(verdict), type=Verdict) == verdict


# Claims in storage.


@pytest.mark.parametrize(
    "claim",
    [Equality("1", "2"), Malformed("no"), Reachable(("1",), "2", True), Decision("PROVED", "{A}", (Statement("int1", "{A}", ("fact1",)),))],
)
def test_claims_survive_storage(claim):
    assert claim_from_json(msgspec.json.decode(msgspec.json.encode(claim))) == claim


def test_a_claim_of_a_type_that_is_not_imported_is_kept():
    data = {"type": "elsewhere", "url": "http://x", "depth": 3}
    kept = claim_from_json(data)
    assert kept == ForeignClaim("elsewhere", {"url": "http://x", "depth": 3})
    assert claim_from_json(msgspec.json.decode(msgspec.json.encode(kept))) == kept
    with pytest.raises(msgspec.ValidationError):
        claim_from_json({"type": "equality", "left": 3, "right": "3"})


def test_verify_batch_may_be_called_from_several_threads():
    found = []

    def ask():
        step = _step(Decision("UNKNOWN", "{C}", (Statement("fact1", "{A}"),)))
        found.extend(row["z3"].score for row in verify_batch([make_verifier("z3")], [step] * 3))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == [1.0] * 9


def test_past_steps_default_to_no_claims():
    assert PastStep("o", "a") == PastStep("o", "a", ())


class Says(ClaimVerifier):
    id = "says"
    version = "1"
    claims = (Equality,)

    def check(self, claim, step):
        return judged(claim.left, 0.0, claim.left)


@pytest.mark.parametrize("lefts", [("trivial", "incorrect"), ("incorrect", "trivial"), ("trivial", "trivial", "vacuous")])
def test_what_is_false_is_worse_than_what_is_empty(lefts):
    # An empty equation before a false one must not make the step look merely empty.
    assert Says().verify([_claims(*lefts)])[0].label == max(lefts, key=lambda label: label != "trivial")


# Claims without an environment.


class Watched(Says):
    closed = 0

    def close(self):
        type(self).closed += 1


def test_claims_are_judged_without_an_environment():
    verdicts = verify_claims("arithmetic", [Equality("2 + 2", "4"), Malformed("no claim"), Equality("2 + 2", "5"), Reachable((1, 2), "3")])
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 0.0, None]
    assert {verdict.verifier for verdict in verdicts} == {"arithmetic"}
    assert verify_claims("arithmetic", []) == []


def test_only_a_verifier_of_its_own_making_is_closed():
    made = Watched()
    assert [verdict.label for verdict in verify_claims(made, [Equality("trivial", "")])] == ["trivial"]
    assert Watched.closed == 0
    verify_claims(Watched, [])
    assert Watched.closed == 1


def test_programs_traces_and_statements_are_judged_without_an_environment():
    code = "def f(n):\n    m = n * n\n    return m"
    cases = (Case((2,), 4), Case((3,), 9))
    programs = [Program(code, "f", cases), Program("def f(n): return 4", "f", cases), Program("def f(n): return 0", "f", cases)]
    assert [verdict.score for verdict in verify_claims("execution", programs)] == [1.0, 0.5, 0.0]
    answers = [TraceAnswer(code, "f", (3,), "result", answer=answer) for answer in ("9", "6")]
    assert [verdict.score for verdict in verify_claims("trace", answers)] == [1.0, 0.0]
    effects = [StatementEffect(code, 2, "f", cases), StatementEffect(code.replace("    return", "    n = 0\n    return"), 3, "f", cases)]
    assert [verdict.label for verdict in verify_claims("statement", effects)] == ["correct", "trivial"]


def test_the_versions_of_verifiers_are_those_that_their_classes_declare():
    both = {"arithmetic": ArithmeticVerifier.version, "z3": Z3Verifier.version}
    assert declared_versions(["arithmetic", "z3?timeout=2"]) == both
    assert declared_versions(["sequence(arithmetic, all(z3?timeout=2, nothing))"]) == both
    assert declared_versions(["z3:runs/arithmetic/model"]) == {"z3": Z3Verifier.version}  # a path names no verifier
    assert declared_versions(["no_such_verifier", Z3Verifier()]) == {}
    assert declared_versions([]) == {}
