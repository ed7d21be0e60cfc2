"""Truth tables by hand. R, W, N stand for right (score 1), wrong (score 0) and "cannot tell" (None)."""

import itertools

import pytest

from prm_gym import StepContext, Task, Verifier
from prm_gym.claims import Equality, Malformed, Reachable
from prm_gym.compose import COMPOSITIONS, AllOf, AnyOf, Cached, Consensus, InSequence, Noisy, Weighted, make_composition
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.verdict import abstained, failed, judged
from prm_gym.verifier import make_verifier, verify_batch

TASK = Task(key="t", instructions="", question="")


class Fixed(Verifier):
    """Gives the scores it was made with, in the order of the steps it is asked about; counts the questions."""

    version = "1"

    def __init__(self, name, *scores, label=None, pure=True):
        self.id = name
        self.scores = scores
        self.label = label
        self.pure = pure
        self.asked = []
        self.closed = 0

    def verify(self, steps):
        self.asked.append([step.action for step in steps])
        return [self.of(self.scores[int(step.action)]) for step in steps]

    def of(self, score):
        if score is None:
            return abstained(f"{self.id} cannot tell")
        return judged(self.label or ("correct" if score > 0.5 else "incorrect" if score < 0.5 else "neutral"), score, self.id)

    def close(self):
        self.closed += 1


def _steps(count):
    return [StepContext(task=TASK, observation="", action=str(place)) for place in range(count)]


def _scores(verifier, count):
    return [row[verifier.id].score for row in verify_batch([verifier], _steps(count))]


VALUES = {"R": 1.0, "W": 0.0, "N": None}


def _table(make, table):
    """Check a table such as {"RW": "W"}: members' answers, and the composition's."""
    rows = list(table)
    members = [Fixed(f"m{place}", *(VALUES[row[place]] for row in rows)) for place in range(len(rows[0]))]
    assert dict(zip(rows, _scores(make(members), len(rows)), strict=True)) == {row: VALUES[answer] for row, answer in table.items()}


# Three-valued logic (Kleene): "all" is its conjunction, "any" its disjunction.

ALL = {"RR": "R", "RW": "W", "RN": "N", "WR": "W", "WW": "W", "WN": "W", "NR": "N", "NW": "W", "NN": "N"}
ANY = {"RR": "R", "RW": "R", "RN": "R", "WR": "R", "WW": "W", "WN": "N", "NR": "R", "NW": "N", "NN": "N"}
# Both must be able to tell and agree.
CONSENSUS = {"RR": "R", "RW": "N", "RN": "N", "WR": "N", "WW": "W", "WN": "N", "NR": "N", "NW": "N", "NN": "N"}
# A refusal ends it; the last who can tell counts.
SEQUENCE = {"RR": "R", "RW": "W", "RN": "R", "WR": "W", "WW": "W", "WN": "W", "NR": "R", "NW": "W", "NN": "N"}


@pytest.mark.parametrize(("make", "table"), [(AllOf, ALL), (AnyOf, ANY), (Consensus, CONSENSUS), (InSequence, SEQUENCE)])
def test_truth_tables(make, table):
    assert set(table) == {"".join(pair) for pair in itertools.product("RWN", repeat=2)}
    _table(make, table)


def test_all_and_any_are_dual():
    # not all(x, y) = any(not x, not y), with "cannot tell" as its own opposite.
    opposite = {"R": "W", "W": "R", "N": "N"}
    for row, answer in ALL.items():
        assert ANY["".join(opposite[value] for value in row)] == opposite[answer]


def test_three_members():
    _table(AllOf, {"RRR": "R", "RNR": "N", "RNW": "W"})
    _table(AnyOf, {"WWW": "W", "WNW": "N", "WNR": "R"})
    _table(Consensus, {"RRR": "R", "RRN": "R", "NNR": "N", "RRW": "N", "WNW": "W"})
    _table(InSequence, {"NRN": "R", "RWR": "W", "NNW": "W", "RNR": "R"})


def test_a_quorum():
    three = [Fixed("a", 1.0, 1.0), Fixed("b", 1.0, None), Fixed("c", 1.0, 1.0)]
    assert _scores(Consensus(three, quorum=3), 2) == [1.0, None]
    assert _scores(Consensus([Fixed("a", 1.0), Fixed("b", None)], quorum=1), 1) == [1.0]


@pytest.mark.parametrize(
    ("make", "scores", "expected"),
    [
        (AllOf, (0.9, 0.7), 0.7),
        (AllOf, (0.9, 0.5), 0.5),
        (AllOf, (0.3, 0.1), 0.1),
        (AllOf, (0.5, None), None),  # one half refutes nothing
        (AllOf, (0.4, None), 0.4),
        (AnyOf, (0.9, 0.7), 0.9),
        (AnyOf, (0.3, 0.1), 0.3),
        (AnyOf, (0.5, None), None),  # one half accepts nothing
        (AnyOf, (0.6, None), 0.6),
        (Consensus, (0.9, 0.6), 0.6),
        (Consensus, (0.4, 0.1), 0.1),
        (Consensus, (0.9, 0.4), None),
        (InSequence, (0.9, 0.7), 0.7),
        (InSequence, (0.5, 0.2), 0.2),  # one half is no refusal
        (InSequence, (0.4, 0.9), 0.4),
    ],
)
def test_scores_between(make, scores, expected):
    assert _scores(make([Fixed("a", scores[0]), Fixed("b", scores[1])]), 1) == [expected]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((1.0, 0.0), 0.75),  # (3 * 1 + 1 * 0) / 4
        ((0.0, 1.0), 0.25),
        ((0.5, 0.5), 0.5),
        ((None, 0.8), 0.8),  # alone, its weight is one
        ((0.25, None), 0.25),
        ((None, None), None),
    ],
)
def test_weighted(scores, expected):
    verdict = verify_batch([Weighted([Fixed("a", scores[0]), Fixed("b", scores[1])], [3, 1])], _steps(1))[0]["weighted(a, b)"]
    assert verdict.score == expected
    assert verdict.label == (None if expected is None else "correct" if expected > 0.5 else "incorrect" if expected < 0.5 else "neutral")


def test_errors_and_timeouts_are_cannot_tell():
    class Failing(Fixed):
        def verify(self, steps):
            return [failed("broke") for _ in steps]

    broken = Failing("b")
    assert _scores(AllOf([Fixed("a", 1.0), broken]), 1) == [None]
    assert _scores(AllOf([Fixed("a", 0.0), broken]), 1) == [0.0]
    assert _scores(AnyOf([Fixed("a", 1.0), broken]), 1) == [1.0]
    assert _scores(InSequence([broken, Fixed("a", 1.0)]), 1) == [1.0]
    assert _scores(InSequence([Fixed("a", 1.0), broken]), 1) == [None]
    assert _scores(InSequence([Fixed("a", 0.0), broken]), 1) == [0.0]
    assert _scores(Weighted([Fixed("a", 1.0), broken], [1, 9]), 1) == [1.0]


def test_a_member_that_raises_is_an_error_of_that_member_alone():
    class Raising(Fixed):
        def verify(self, steps):
            raise RuntimeError("gone")

    assert _scores(AnyOf([Raising("a"), Fixed("b", 1.0)]), 1) == [1.0]


def test_an_abstention_says_what_each_member_said():
    verdict = AllOf([Fixed("a", 1.0), Fixed("b", None)]).verify(_steps(1))[0]
    assert verdict.status == "abstain"
    assert verdict.evidence["members"] == {
        "a": {"score": 1.0, "label": "correct", "status": "ok"},
        "b": {"score": None, "label": None, "status": "abstain"},
    }


def test_the_deciding_verdict_is_passed_on_with_its_reason_and_label():
    verdict = AllOf([Fixed("a", 1.0), Fixed("b", 0.0, label="trivial")]).verify(_steps(1))[0]
    assert (verdict.label, verdict.reason) == ("trivial", "b")


@pytest.mark.parametrize(
    "spec", ["all(arithmetic, reachable)", "any(arithmetic, reachable)", "consensus(arithmetic, reachable)", "sequence(arithmetic, reachable)",
             "weighted(arithmetic=1, reachable=2)", "cached(arithmetic)"],
)  # fmt: skip
def test_what_every_member_calls_malformed_is_malformed(spec):
    step = StepContext(task=TASK, observation="", action="", claims=(Malformed("no step"),))
    verdict = make_verifier(spec).verify([step])[0]
    assert (verdict.label, verdict.score) == ("malformed", 0.0)


# Sequences ask as little as they can.


def test_a_later_member_sees_only_what_was_not_refused():
    first, second, third = Fixed("a", 1.0, 0.0, None, 0.6), Fixed("b", 0.0, 1.0, 1.0, 1.0), Fixed("c", 1.0, 1.0, 1.0, 1.0)
    assert _scores(InSequence([first, second, third]), 4) == [0.0, 0.0, 1.0, 1.0]
    assert (first.asked, second.asked, third.asked) == ([["0", "1", "2", "3"]], [["0", "2", "3"]], [["2", "3"]])


def test_a_member_with_nothing_left_is_not_asked():
    second = Fixed("b", 1.0)
    InSequence([Fixed("a", 0.0), second]).verify(_steps(1))
    assert second.asked == []


def test_others_ask_each_member_once_a_batch():
    members = [Fixed("a", 1.0, 0.0), Fixed("b", 1.0, 1.0)]
    AllOf(members).verify(_steps(2))
    assert [member.asked for member in members] == [[["0", "1"]]] * 2


# Caching.


def test_cached_asks_once_about_equal_steps():
    member = Fixed("a", 1.0, 0.0, None)
    cached = Cached([member])
    first = _scores(cached, 3)
    assert first == _scores(cached, 3) == [1.0, 0.0, None]
    assert member.asked == [["0", "1", "2"]]
    assert cached.hits == 3
    assert cached.id == "a"
    again = _steps(2) * 2
    assert [verdict.score for verdict in cached.verify(again)] == [1.0, 0.0] * 2


def test_equal_steps_of_one_batch_are_asked_once():
    member = Fixed("a", 1.0, 0.0)
    assert [verdict.score for verdict in Cached([member]).verify(_steps(2) * 3)] == [1.0, 0.0] * 3
    assert member.asked == [["0", "1"]]


def test_errors_are_not_remembered():
    class Once(Fixed):
        def verify(self, steps):
            self.asked.append(len(steps))
            return [failed("busy")] if len(self.asked) == 1 else [judged("correct", 1.0, "")]

    cached = Cached([Once("a")])
    assert _scores(cached, 1) == [None]
    assert _scores(cached, 1) == [1.0]


def test_a_full_cache_forgets_what_was_not_used_longest():
    member = Fixed("a", 1.0, 1.0, 1.0)
    cached = Cached([member], size=2)
    zero, one, two = _steps(3)
    for step in (zero, one, zero, two, zero, one):
        cached.verify([step])
    # two pushes one out (zero was used later); zero is still there; one is asked again.
    assert member.asked == [["0"], ["1"], ["2"], ["1"]]


def test_a_cache_of_a_claim_verifier_looks_at_claims_and_task():
    cached = Cached(["arithmetic"])
    step = StepContext(task=TASK, observation="seen", action="2+2=4", claims=(Equality("2+2", "4"),))
    other = StepContext(task=TASK, observation="other", action="4 it is", claims=(Equality("2+2", "4"),))
    wrong = StepContext(task=TASK, observation="seen", action="2+2=4", claims=(Equality("2+2", "5"),))
    assert [verdict.score for verdict in cached.verify([step, other, wrong])] == [1.0, 1.0, 0.0]
    assert cached.hits == 1


def test_a_text_verifier_is_asked_again_about_other_texts():
    cached = Cached([Fixed("a", 1.0, 0.0)])
    zero, one = _steps(2)
    assert [cached.verify([zero])[0].score, cached.verify([one])[0].score] == [1.0, 0.0]


# Specifications.


def test_specifications_nest():
    made = make_composition("all(arithmetic, sequence(cached(reachable), z3:local))")
    assert isinstance(made, AllOf)
    inner = made.members[1]
    assert isinstance(inner, InSequence)
    assert isinstance(inner.members[0], Cached)
    assert inner.members[1].mode == "local"
    assert made.id == "all(arithmetic, sequence(reachable, z3))"
    assert made.version == "+".join(make_verifier(name).version for name in ("arithmetic", "reachable", "z3"))
    weighted = make_composition(" weighted( arithmetic = 0.7 , all(reachable, z3)=0.3 ) ")
    assert weighted.weights == (0.7, 0.3)
    assert set(COMPOSITIONS) == {"all", "any", "cached", "consensus", "isolated", "noisy", "sequence", "weighted"}


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("al(arithmetic)", UnknownNameError, r"no composition of verifiers named 'al'. Did you mean 'all'\?"),
        ("all(aritmetic)", UnknownNameError, "Did you mean 'arithmetic'"),
        ("all()", OptionError, "all needs at least one verifier"),
        ("all(arithmetic))", OptionError, "the parentheses of .* do not match"),
        ("all((arithmetic)", OptionError, "the parentheses of .* do not match"),
        ("all(arithmetic, arithmetic)", OptionError, "two verifiers have the id 'arithmetic'"),
        ("cached(arithmetic, z3)", OptionError, "exactly one pure verifier"),
        ("weighted(arithmetic)", OptionError, "name=weight pairs, got arithmetic"),
        ("weighted(arithmetic=much)", OptionError, "name=weight pairs"),
        ("weighted(arithmetic=0)", OptionError, "one positive weight a member"),
        ("weighted(arithmetic=-1)", OptionError, "one positive weight a member"),
        ("weighted(arithmetic=nan)", OptionError, "one positive weight a member"),
        ("weighted(arithmetic=inf)", OptionError, "one positive weight a member"),
    ],
)
def test_specifications_that_cannot_be_read(spec, error, says):
    with pytest.raises(error, match=says):
        make_verifier(spec)


def test_a_cache_of_something_impure_is_refused():
    with pytest.raises(OptionError, match="exactly one pure verifier"):
        Cached([Fixed("a", pure=False)])


def test_a_composition_is_as_pure_as_its_members_and_closes_them():
    pure, impure = Fixed("a"), Fixed("b", pure=False)
    assert AllOf([pure]).pure
    both = AllOf([pure, impure])
    assert not both.pure
    both.close()
    assert (pure.closed, impure.closed) == (1, 1)


def test_steps_are_judged_by_claims_of_their_own():
    steps = [
        StepContext(task=TASK, observation="", action="", claims=(Equality("4 * 6", "24"), Reachable(("24",), "24"))),
        StepContext(task=TASK, observation="", action="", claims=(Equality("4 * 6", "23"), Reachable((), "24"))),
        StepContext(task=TASK, observation="", action="", claims=(Equality("4 * 6", "24"),)),
    ]
    # The third makes no claim that `reachable` understands: all() cannot tell, any() can.
    assert [verdict.score for verdict in make_verifier("all(arithmetic, reachable)").verify(steps)] == [1.0, 0.0, None]
    assert [verdict.score for verdict in make_verifier("any(arithmetic, reachable)").verify(steps)] == [1.0, 0.0, 1.0]


def _noisy_steps(count):
    """Steps that look different from each other; the member says "right" of all that are asked with action 0, "wrong" with 1, "cannot tell" with 2."""
    return [StepContext(task=TASK, observation=f"place {place}", action=action) for place in range(count) for action in "012"]


def _noisy_scores(**options):
    verifier = Noisy([Fixed("m", 1.0, 0.0, None)], **options)
    scores = [row[verifier.id].score for row in verify_batch([verifier], _noisy_steps(4000))]
    return scores[0::3], scores[1::3], scores[2::3]


def test_noisy_errs_at_the_rates_that_it_is_told():
    right, wrong, unknown = _noisy_scores(false_positives=0.2, false_negatives=0.05)
    # 4,000 steps each: five standard errors are 5 sqrt(.2 x .8 / 4000) = .032 and .017.
    assert abs(right.count(0.0) / 4000 - 0.05) < 0.018
    assert abs(wrong.count(1.0) / 4000 - 0.2) < 0.032
    assert set(unknown) == {None}


def test_noisy_errs_on_the_same_steps_again_and_on_others_with_another_seed():
    rates = {"false_positives": 0.3, "false_negatives": 0.3}
    assert _noisy_scores(**rates) == _noisy_scores(**rates) != _noisy_scores(**rates, seed=1)


def test_noisy_without_errors_is_its_member_and_with_nothing_else_its_opposite():
    assert _noisy_scores() == ([1.0] * 4000, [0.0] * 4000, [None] * 4000)
    assert _noisy_scores(false_positives=1.0, false_negatives=1.0) == ([0.0] * 4000, [1.0] * 4000, [None] * 4000)


def test_noisy_says_what_the_member_had_said_and_leaves_alone_what_is_no_step():
    verifier = Noisy([Fixed("m", 0.75, label="correct")], false_negatives=1.0)
    verdict = verify_batch([verifier], _steps(1))[0]["noisy(m)"]
    assert (verdict.score, verdict.label) == (0.25, "incorrect")
    assert verdict.evidence["members"]["m"] == {"score": 0.75, "label": "correct", "status": "ok"}
    assert _scores(Noisy([Fixed("m", 0.0, label="malformed")], false_positives=1.0), 1) == [0.0]
    assert _scores(Noisy([Fixed("m", 0.5)], false_positives=1.0, false_negatives=1.0), 1) == [0.5]


def test_noisy_in_a_specification():
    verifier = make_verifier("noisy(arithmetic, false_positives=0.25, seed=3)")
    assert (verifier.false_positives, verifier.false_negatives, verifier.seed) == (0.25, 0.0, 3)
    assert verifier.id == "noisy(arithmetic)"
    assert "fp0.25fn0s3" in verifier.version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noisy(arithmetic, false_positives=1.5)", "false_positives=1.5"),
        ("noisy(arithmetic, false_negatives=-0.1)", "false_negatives=-0.1"),
        ("noisy(arithmetic, reachable)", "exactly one"),
        ("noisy(arithmetic, rate=0.1)", "rate"),
        ("noisy(arithmetic, false_positives=much)", "false_positives"),
    ],
)
def test_noisy_refuses_what_does_not_fit(text, message):
    with pytest.raises(OptionError, match=message):
        make_verifier(text)
