"""Criteria one by one, gates and weights by hand, and what earns nothing."""

import json
import math
import pickle
import textwrap
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prm_gym.rubric
from prm_gym.claims import Malformed
from prm_gym.errors import ContractError, OptionError
from prm_gym.rewards import JudgedStep, ProgressReward
from prm_gym.rubric import Contains, Criterion, Entities, Finding, JsonPath, Length, Number, Regex, Rubric, Scene, ToolUsed, Waypoints, read_rubric, rubric_of
from prm_gym.rubric.text import visible, words
from prm_gym.task import Task
from prm_gym.tools import call_text
from prm_gym.verifier import PastStep, StepContext, make_verifier
from prm_gym.verifiers.rubric import RubricVerifier

SEALED = {"answer": 42, "names": ["Ada Lovelace", "Zürich"], "others": ["Bob", "Bern"], "order": "A-17"}
TASK = Task(key="t", instructions="Use the tools.", question="Where did Ada Lovelace meet Bob on that rainy day?", sealed=SEALED)


def step(action, *previous, **fields):
    past = tuple(one if isinstance(one, PastStep) else PastStep("", one) for one in previous)
    return StepContext(task=TASK, observation="", action=action, previous=past, **fields)


def score(check, action, *previous, **fields):
    return check.find(Scene(step(action, *previous, **fields))).score


def named(name, value, **fields):
    return Criterion(name=name, check=lambda step: value, **fields)


def test_weights_and_coverage_by_hand():
    # (2 * 1.0 + 1 * 0.25) / 3 = 0.75; what cannot tell takes its weight out of both sums: coverage 3 of 4.
    criteria = [named("one", 1.0, weight=2), named("two", 0.25), named("three", None)]
    found = Rubric(criteria).assess(step("x"))
    assert (found.score, found.coverage) == (0.75, 0.75)
    assert "two" in found.reason
    low = Rubric(criteria, least_coverage=0.8).assess(step("x"))
    assert (low.score, low.coverage) == (None, 0.75)
    assert "75%" in low.reason
    assert Rubric([named("three", None)], least_coverage=0.0).assess(step("x")).score is None
    assert Rubric([named("yes", True), named("no", False)]).assess(step("x")).score == 0.5


def test_gates():
    full = named("full", 1.0, weight=100)
    assert Rubric([full, named("gate", False, gate=True)]).assess(step("x")).score == 0.0
    assert Rubric([full, named("gate", 0.5, gate=True)]).assess(step("x")).score == 1.0
    blind = named("blind", None, gate=True)
    assert Rubric([full, blind]).assess(step("x")).score is None
    # One gate that fails is enough, whatever another cannot tell.
    failed = Rubric([blind, full, named("gate", 0.0, gate=True)]).assess(step("x"))
    assert (failed.score, failed.failed) == (0.0, "gate")
    assert Rubric([named("gate", True, gate=True)]).assess(step("x")).score == 1.0
    weighed = Rubric([named("gate", 0.6, gate=True, weight=1), named("other", 1.0)]).assess(step("x"))
    assert weighed.score == pytest.approx(0.8)


def test_what_is_asked_of_the_end_alone():
    rubric = Rubric([named("end", 0.0, when="end"), named("always", 1.0)])
    assert rubric.assess(step("x")).score == 1.0
    assert rubric.assess(step("x", terminated=True, outcome=1.0)).score == 0.5
    assert Rubric([named("end", 0.0, when="end")]).assess(step("x")).score is None


def test_functions_that_break_cannot_tell():
    def broken(step):
        raise KeyError("nothing")

    for value in (broken, lambda step: 1.5, lambda step: math.nan, lambda step: "yes", lambda step: -0.1):
        finding = Criterion(name="c", check=value).find(Scene(step("x")))
        assert finding.score is None
        assert finding.reason
    assert Criterion(name="c", check=lambda step: Finding(0.5, "half", {"a": 1})).find(Scene(step("x"))) == Finding(0.5, "half", {"a": 1})


def test_regex():
    assert score(Regex(pattern="b+"), "abbc") == 1.0
    assert score(Regex(pattern="b+", whole=True), "abbc") == 0.0
    assert score(Regex(pattern="b+", absent=True), "abbc") == 0.0
    assert score(Regex(pattern="B", flags="i"), "abc") == 1.0
    assert score(Regex(pattern="b", over="episode"), "x", "b") == 1.0
    assert score(Regex(pattern="secret", absent=True), "sec\u200bret") == 0.0
    assert score(Regex(pattern="secret", absent=True), "<!-- secret -->") == 0.0
    assert score(Regex(pattern="secret", absent=True), "<!-- sec\u200bret -->") == 0.0  # hidden in two ways at once
    assert score(Contains(terms=("secret",), need="none"), "<b hidden>sec\u00adret</b>") == 0.0
    assert score(Regex(pattern="secret"), "<!-- secret -->") == 0.0


def test_contains():
    check = Contains(terms=("red", "blue sky"))
    assert score(check, "A red house under the Blue  sky.") == 1.0
    assert score(check, "It is reddish, and blue is the sky") == 0.0
    assert score(check, "red, red and red again in all of these many words") == 0.5
    assert score(Contains(terms=("a", "b"), need="any"), "b is there") == 1.0
    assert score(Contains(terms=("Bob",), need="none"), "Where did Ada Lovelace meet Bob on that rainy day?") == 0.0
    many = Contains(terms=("one", "two", "three", "four", "five"))
    assert score(many, "one two three four five") == 0.0
    assert score(many, "one of the two or three that I saw had four wheels and the other five") == 1.0
    assert score(Contains(terms=("rainy",)), "Where did Ada Lovelace meet Bob on that rainy day?") == 0.0
    assert score(Contains(terms=("rainy",)), "It was rainy") == 1.0
    assert score(Contains(terms=("rain sun",), over="episode"), "sun", "rain") == 0.0


def test_numbers():
    gold = Number(equals_at="sealed.answer")
    assert score(gold, "6 * 7 = 42") == 1.0
    assert score(gold, "42, or 43") == 0.0
    assert score(Number(equals_at="sealed.answer", which="only"), "41 or 42") == 0.0
    assert score(gold, "none") == 0.0
    assert score(gold, "42.0 and ４２") == 1.0  # full width
    assert score(Number(equals_at="sealed.order"), "42") is None
    assert score(Number(equals_at="sealed.nothing"), "42") is None
    assert score(Number(equals=1234.5), "1,234.5") == 1.0
    assert score(Number(equals=-3), "−3") == 1.0
    assert score(Number(least=0, most=10), "11") == 0.0
    assert score(Number(equals=3), "v3") == score(Number(equals=3), "1.2.3") == 0.0
    assert score(Number(equals=5), "1" * 200) == 0.0


def test_length():
    check = Length(least=2, most=4)
    assert [score(check, text) for text in ("a", "a b", "a b c d", "a b c d e")] == [0.0, 1.0, 1.0, 0.0]
    assert score(check, "a b <!-- c d e f -->") == 0.0  # hidden words are written all the same
    assert score(Length(of="characters", least=3), "\u200b\u200b\u200b") == 0.0


def test_json_and_tools():
    action = call_text("refund", order=" a-17 ", amount=3, deep={"list": [1, {"x": True}]})
    assert score(JsonPath(path="arguments.amount", equals=3), action) == 1.0
    assert score(JsonPath(of="arguments", path="order", equals_at="sealed.order"), action) == 1.0
    assert score(JsonPath(of="arguments", path="deep.list.1.x", equals=True), action) == 1.0
    assert score(JsonPath(of="arguments", path="deep.list.0", equals=True), action) == 0.0  # 1 is not True
    assert score(JsonPath(of="arguments", path="amount", one_of=(1, 2)), action) == 0.0
    assert score(JsonPath(of="arguments", path="nothing"), action) == score(JsonPath(path="a"), "no json") == score(JsonPath(path="a"), "[" * 10_000) == 0.0
    assert score(JsonPath(path="a", equals_at="sealed.none"), '{"a": 1}') is None
    assert score(ToolUsed(names=("refund",), arguments={"order": "A-17"}), action) == 1.0
    assert score(ToolUsed(names=("refund",), arguments={"order": "B"}), action) == 0.0
    assert score(ToolUsed(names=("refund",)), "refund") == 0.0
    assert score(ToolUsed(names=("refund",), absent=True, over="episode"), "x", action) == 0.0


def test_entities_by_hand():
    check = Entities(wanted_at="sealed.names", others_at="sealed.others")
    # 2 of 2 wanted, none other: 1. One wanted, one other: 2 * 1 / (2 + 1 + 1) = 0.5. All four: 2 * 2 / (2 + 2 + 2) = 2/3.
    assert score(check, "I think that Ada Lovelace was in Zürich then") == 1.0
    assert score(check, "I think that Ada Lovelace was in Bern then") == 0.5
    assert score(check, "Perhaps Ada Lovelace, perhaps Bob, and it was in Bern or maybe in Zürich, who knows") == pytest.approx(2 / 3)
    assert score(check, "Ada Lovelace, Zürich, Bob, Bern") == 0.0  # a list of names
    assert score(check, "I think that Ada Lovelace and Ada Lovelace and Ada Lovelace were there") == pytest.approx(2 / 3)  # once: 2 * 1 / (2 + 1)
    assert score(check, "the house", "I think that Ada Lovelace was there", "and in Zürich, I think") == 1.0
    assert score(check, "Where did Ada Lovelace meet Bob on that rainy day?") == 0.0
    touched = Entities(wanted=("A-17",), by="touched")
    assert score(touched, call_text("look", order="A-17")) == 1.0
    assert score(touched, "I look at A-17") == 0.0
    assert score(Entities(wanted=("A-17",), by="either"), "I look at A-17") == 1.0
    assert score(Entities(wanted_at="sealed.answer"), "x") is score(Entities(wanted=("x",), others_at="sealed.none"), "x") is None


def test_waypoints():
    points = tuple(ToolUsed(names=(name,)) for name in ("find", "check", "change"))
    find, check, change = (call_text(name) for name in ("find", "check", "change"))
    ordered, loose = Waypoints(points=points), Waypoints(points=points, ordered=False)
    assert [score(ordered, *way) for way in ((find,), (check, find), (change, find, check), (change, check), (change,))] == [1 / 3, 2 / 3, 1.0, 0.0, 0.0]
    assert [score(loose, *way) for way in ((find,), (check, change), (find, check, change))] == [1 / 3, 2 / 3, 1.0]
    assert score(ordered, find, find, find) == 1 / 3
    unread = PastStep("", check, (Malformed("no step"),))
    assert score(ordered, change, find, unread) == 1 / 3
    everything = Waypoints(points=(Contains(terms=("alpha",)), Contains(terms=("beta",)), Contains(terms=("gamma",))))
    assert score(everything, "alpha beta gamma at once, in one step, does not go along the way") == 1 / 3
    with pytest.raises(OptionError):
        Waypoints(points=())
    with pytest.raises(OptionError):
        Waypoints(points=(Contains(terms=("a",), over="episode"),))


def test_progress_pays_each_waypoint_once():
    # Two of three waypoints, weight 2, and one of two names (2 * 1 / (2 + 1) = 2/3), weight 1: (2 * 2/3 + 2/3) / 3 = 2/3. What else is asked is no progress.
    points = tuple(ToolUsed(names=(name,)) for name in ("find", "check", "change"))
    criteria = [
        Criterion(name="way", check=Waypoints(points=points), weight=2),
        Criterion(name="names", check=Entities(wanted=("Ada", "Zürich"), by="touched")),
        named("else", 1.0),
    ]
    find, check = call_text("find", name="Ada"), call_text("check")
    verifier = RubricVerifier(Rubric(criteria))
    assert verifier.verify([step(check, find)])[0].evidence["progress"] == pytest.approx(2 / 3)
    assert "progress" not in RubricVerifier(Rubric(criteria[2:], pure=False)).verify([step(check)])[0].evidence
    # The reward of an episode in which the second step is idle: each advance is paid once.
    scheme, past = ProgressReward(), []
    rewards = []
    for actions in ((find,), (find, "idle"), (find, "idle", check)):
        verdict = verifier.verify([step(actions[-1], *actions[:-1])])[0]
        judged = JudgedStep({"rubric": verdict}, None, False)
        rewards.append(scheme.reward(judged, past))
        past.append(judged)
    first = (2 / 3 + 2 / 3) / 3
    assert rewards == pytest.approx([0.45 * first, 0.0, 0.45 * (2 / 3 - first)])


def test_what_a_reader_does_not_see():
    assert visible("<div hidden>a</div>b") == "b"
    assert visible("<div hidden><div>a</div>b<divider></div>c") == "c"  # up to its own end, not to that of one in it
    assert visible("<b hidden>a<br>b</b>c") == "c"
    assert visible(f"<div hidden title='{'x' * 5_000}'>a</div>b") == "b"
    assert visible("<p style='opacity: 0'>a</p><p>b</p>") == "<p>b</p>"
    assert visible("<script>a</script><style>b</style>c<!-- d") == "c"
    assert visible("[//]: # (a secret)\nb") == "\nb"
    assert visible("a < b and <b>bold</b>") == "a < b and <b>bold</b>"
    assert visible("a\u202eb\u2066c\U000e0041d") == "abcd"
    assert words("Paris,Berlin and 1,234.5 e-mails") == ("paris", "berlin", "and", "1,234.5", "e", "mails")


@pytest.mark.parametrize(
    "text",
    [
        "<" * 16_000,
        "<a " * 5_000,
        "<!--" * 4_000,
        "<div hidden>" * 1_300,
        "<div hidden><b>" * 1_000,
        "<b hidden></b>" * 1_000,
        "<a <" * 4_000 + ">",
        "[//]: # " * 2_000,
        "1," * 8_000,
        "a'" * 8_000,
        "1." * 8_000,
    ],
)
def test_hostile_texts_take_little_time(text):
    begun = time.process_time()
    for check in (Contains(terms=("a", "b")), Number(equals=1), Length(), Entities(wanted=("x y",)), Regex(pattern="(a+)+b"), JsonPath(path="a")):
        score(check, text)
    assert time.process_time() - begun < 2.0


EVERY = (
    Regex(pattern=r"a|\bb", absent=True),
    Contains(terms=("a", "b c"), need="none"),
    Contains(terms=("a", "b c")),
    Number(equals_at="sealed.answer"),
    Length(of="characters", most=9, over="episode"),
    JsonPath(path="0.a", of="action"),
    JsonPath(path="a", of="arguments", one_of=(1, "a")),
    ToolUsed(names=("a",), arguments={"a": 1}),
    Entities(wanted=("a",), others=("b",), by="either"),
    Waypoints(points=(Contains(terms=("a",)), JsonPath(path="a")), ordered=False),
)
PIECES = ["a", " b c ", "<", ">", "<!--", "-->", "<b hidden>", "</b>", '{"name": "a", "arguments": {"a": 1}}', "[", "{", '"', "1,000", "-.5", "\u200b"]
PIECES += ["İ", "ﷺ", "\0", "\n", "<tool_call>"]


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12), before=st.lists(st.sampled_from(PIECES), max_size=2))
def test_nothing_that_is_written_raises(pieces, before):
    given_step = step("".join(pieces), *before)
    for check in EVERY:
        finding = check.find(Scene(given_step))
        assert finding.score is None or 0.0 <= finding.score <= 1.0
        assert finding.reason
        msgspec.json.encode(finding.evidence)


def test_files(tmp_path):
    path = tmp_path / "refunds.toml"
    path.write_text(r"""
least_coverage = 0.6
[[criteria]]
name = "no card numbers"
gate = true
check = {kind = "regex", pattern = '\d{4} ?\d{4} ?\d{4} ?\d{4}', absent = true}
[[criteria]]
name = "looked up before it is changed"
weight = 2
check = {kind = "waypoints", points = [{kind = "tool", names = ["get_order"]}, {kind = "tool", names = ["refund"]}]}
""")
    verifier = make_verifier(f"rubric:{path}")
    (verdict,) = verifier.verify([step(call_text("refund"), call_text("get_order"))])
    assert (verdict.score, verdict.label) == (1.0, "correct")
    (verdict,) = verifier.verify([step(call_text("refund", card="1234 5678 1234 5678"), call_text("get_order"))])
    assert (verdict.score, verdict.evidence["gate"]) == (0.0, "no card numbers")
    assert verdict.evidence["criteria"]["looked up before it is changed"]["score"] == 1.0
    other = tmp_path / "r.json"
    other.write_text(json.dumps({"name": "r", "criteria": [{"name": "a", "check": {"kind": "length", "most": 5}}]}))
    assert read_rubric(other).name == "r"
    assert read_rubric(other).version != read_rubric(path).version
    assert read_rubric(path).name == "refunds"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"criteria": []}, "needs criteria"),
        ({"criteria": [{"name": "a", "check": {"kind": "regexp"}}]}, "regexp"),
        ({"criteria": [{"name": "a", "check": {"kind": "length", "mots": 1}}]}, "mots"),
        ({"criteria": [{"name": "a", "check": {"kind": "regex", "pattern": "("}}]}, "no rubric|no regular"),
        ({"criteria": [{"name": "a", "ask": "It is short."}]}, "protocol=rubric_guided"),  # of the other kind
        ({"criteria": 7}, "no rubric"),
        ([], "no rubric"),
        ({"criteria": [{"name": "a", "weight": -1, "check": {"kind": "length"}}]}, "weight"),
        ({"criteria": [{"name": "a", "weight": 0, "check": {"kind": "length"}}]}, "decides nothing"),
        ({"criteria": [{"name": "a", "check": {"kind": "length"}}] * 2}, "two criteria"),
        ({"criteria": [{"name": "a", "check": {"kind": "length"}}], "threshold": 0}, "threshold"),
        ({"criteria": [{"name": "a", "check": {"kind": "number"}}]}, "number"),
        ({"criteria": [{"name": "a", "check": {"kind": "contains", "terms": ["?"]}}]}, "terms"),
    ],
)
def test_files_that_are_no_rubrics(data, said):
    with pytest.raises(OptionError, match=said):
        rubric_of(data)


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.toml").write_text("criteria = [")
    (tmp_path / "deep.toml").write_text("criteria = " + "[" * 100_000)
    (tmp_path / "deep.json").write_text('{"criteria": ' + "[" * 100_000)
    for name in ("bad.toml", "none.json", "deep.toml", "deep.json"):
        with pytest.raises(OptionError, match="is no rubric"):
            make_verifier(f"rubric:{tmp_path / name}")


def long_enough(step):
    return len(step.action) > 3


def test_python_objects_and_pickling():
    verifier = RubricVerifier(Rubric([Criterion(name="long", check=long_enough)]))
    copy = pickle.loads(pickle.dumps(verifier))
    assert [each.score for each in copy.verify([step("abcd"), step("abc"), step("x", claims=(Malformed("m"),))])] == [1.0, 0.0, 0.0]
    assert not RubricVerifier(Rubric([Criterion(name="long", check=long_enough)], pure=False)).pure
    with pytest.raises(ContractError, match="cannot be pickled"):
        pickle.dumps(RubricVerifier(Rubric([named("a", 1.0)])))


def test_the_file_in_the_documentation_is_a_rubric(tmp_path):
    said = prm_gym.rubric.__doc__
    begins, ends = said.index('    name = "manners"'), said.index("`kind` is")
    (tmp_path / "manners.toml").write_text(textwrap.dedent(said[begins:ends]))
    assert make_verifier(f"rubric:{tmp_path / 'manners.toml'}").id == "rubric"
