"""What `path` says of searches that come forward, of those that do not, and of answers; numbers by hand."""

import pytest

from prm_gym.claims import Hop, Retrieval, SupportedAnswer
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier

TASK = Task(key="t", instructions="", question="")
CHAIN = (Hop(("a#0",), (), "one"), Hop(("b#0",), (0,), "two"), Hop(("c#0",), (1,), "three"), Hop(("d#0",), (2,), "four"))


def _verdict(claim):
    return make_verifier("path").verify([StepContext(task=TASK, observation="", action="", claims=(claim,))])[0]


def test_progress_and_coverage_of_an_episode():
    # four is seen first: coverage 1/4, progress 0. Then one: both. Then two, then three, which reaches four as well.
    seen, told = [], []
    for shown in ("d#0", "a#0", "b#0", "c#0"):
        verdict = _verdict(Retrieval("q", CHAIN, (shown,), tuple(seen)))
        told.append((verdict.label, verdict.evidence["progress"], verdict.evidence["coverage"], verdict.evidence["gained"]))
        seen.append(shown)
    assert told == [
        ("neutral", 0.0, 0.25, ["four"]),
        ("correct", 0.25, 0.5, ["one"]),
        ("correct", 0.5, 0.75, ["two"]),
        ("correct", 1.0, 1.0, ["three"]),
    ]


def test_an_episode_is_paid_for_each_hop_once_at_most():
    # Whatever is shown in whatever order, the steps that are called correct are at most the hops.
    import itertools

    passages = [("a#0",), ("b#0",), ("c#0", "a#0"), ("d#0",), ("a#0", "b#0"), ("x#0",)]
    for order in itertools.permutations(passages):
        seen, paid = (), 0
        for shown in (*order, *order):
            paid += _verdict(Retrieval("q", CHAIN, shown, seen)).score == 1.0
            seen = tuple(dict.fromkeys(seen + shown))
        assert 1 <= paid <= len(CHAIN)


def test_reasons_tell_a_repetition_from_other_words_for_the_same():
    assert "asked before" in _verdict(Retrieval("mayor Tarnholt", CHAIN, ("a#0",), ("a#0",), ("tarnholt, MAYOR",))).reason
    assert "not seen before" in _verdict(Retrieval("who rules Tarnholt", CHAIN, ("a#0",), ("a#0",), ("tarnholt mayor",))).reason


def test_a_guess_is_named():
    verdict = _verdict(SupportedAnswer("Ada", ("Ada",), CHAIN, ("a#0", "b#0", "d#0")))
    assert (verdict.label, verdict.score, verdict.evidence) == ("trivial", 0.0, {"support": 0.75})
    assert verdict.reason.endswith("not seen: three")


@pytest.mark.parametrize("text", ["(" * 1000, "\ud83d\ude00" * 10, "\0", "ﷺ" * 16_000, "½" * 1000])
def test_strange_answers_are_wrong(text):
    assert _verdict(SupportedAnswer(text, ("Ada",), CHAIN, ("a#0",))).label == "incorrect"


def test_a_long_path_takes_no_long_time():
    hops = tuple(Hop((f"d{i}#0",), (i - 1,) if i else ()) for i in range(400))
    verdict = _verdict(Retrieval("q", hops, tuple(hop.evidence[0] for hop in reversed(hops))))
    assert verdict.evidence["progress"] == 1.0
