"""Rubrics are data: those that come with the package, those of users, and what a broken one is answered with."""

import json

import pytest

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.judging.rubric_guided import weighed
from prm_gym.judging.rubrics import BUNDLED, AskedCriterion, AskedRubric, Skill, fitting, load_rubric

OURS = {"name": "mine", "criteria": [{"name": "short", "ask": "It is short.", "weight": 2.0, "gate": True}], "skills": []}


@pytest.mark.parametrize("name", BUNDLED)
def test_those_that_come_with_the_package(name):
    rubric = load_rubric(name)
    assert rubric.name == name
    assert len(rubric.criteria) >= 4
    assert len(rubric.skills) >= 4


def test_one_of_a_file(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(OURS))
    (tmp_path / "mine.toml").write_text('name = "mine"\n[[criteria]]\nname = "short"\nask = "It is short."\nweight = 2\ngate = true\n')
    read = AskedRubric("mine", criteria=(AskedCriterion("short", "It is short.", 2.0, gate=True),))
    assert load_rubric(tmp_path / "mine.json") == load_rubric(str(tmp_path / "mine.toml")) == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no rubric"),
        ('{"criteria": []}', "no rubric"),
        ('{"name": "x"}', "neither criteria nor skills"),
        ('{"name": "x", "criteria": [{"name": "a", "ask": "b", "wieght": 2}]}', "wieght"),
        ('{"name": "x", "criteria": [{"name": "a", "ask": "b"}, {"name": "a", "ask": "c"}]}', "distinct"),
        ('{"name": "x", "criteria": [{"name": "a b", "ask": "b"}]}', "letters"),
        ('{"name": "x", "criteria": [{"name": "a", "ask": " "}]}', "sentence"),
        ('{"name": "x", "criteria": [{"name": "a", "ask": "b", "weight": 0}]}', "weight"),
        ('{"name": "x", "criteria": [{"name": "a", "ask": "b"}], "skills": [{"name": "s", "when": "w", "criteria": [{"name": "a", "ask": "b"}]}]}', "distinct"),
        ('{"name": "x", "skills": [{"name": "none", "when": "w", "criteria": [{"name": "a", "ask": "b"}]}]}', "none"),
        ("[" * 100_000, "no rubric"),
        ("[]", "no rubric"),
        ('{"name": "x", "criteria": [{"name": "a", "check": {"kind": "regex", "pattern": "x"}}]}', "rubric:FILE"),  # of the other kind
    ],
)
def test_a_broken_one_is_an_error_that_says_where(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(OptionError, match=message):
        load_rubric(path)


def test_names_and_files_that_there_are_not(tmp_path):
    with pytest.raises(UnknownNameError, match="maths"):
        load_rubric("math")
    with pytest.raises(OptionError, match="cannot be read"):
        load_rubric(tmp_path / "no.toml")


def test_the_rubric_is_chosen_by_what_the_environment_says():
    tool = 'Call tools.\n{"type":"function","function":{"name":"find"}}'
    page = "[1] link Home\n[2] button Buy"
    assert fitting(written("What is 2 + 2?", ["4"])).name == "maths"
    assert fitting(written(tool, ["find it"])).name == "tools"
    assert fitting(written(f"Buy a lamp.\n\n{page}", ["click [2]"])).name == "web"
    assert fitting(Chain("Build a page", (ChainStep("write", image=b"x"),))).name == "web"
    # What the steps say has no part in it.
    assert fitting(written("What is 2 + 2?", [page, tool])).name == "maths"
    assert fitting(Chain(tool, (ChainStep("print it"), ChainStep("go on", page)))).name == "tools"


def test_marks_are_weighed_by_hand():
    """(2 * 1 + 1 * 0.5) / 3; a gate that partly holds is no failure; what is not told takes its weight out; below half the weight nothing is said."""
    asked = (AskedCriterion("a", "a", 2.0), AskedCriterion("b", "b"), AskedCriterion("g", "g", 3.0, gate=True))

    def score(a, b, g):
        return weighed({"a": a, "b": b, "g": g}, asked).score

    assert score("yes", "partly", "inapplicable") == pytest.approx(2.5 / 3)
    assert score("yes", "yes", "partly") == pytest.approx(4.5 / 6)
    assert score("yes", "yes", "no") == 0.0
    assert score("yes", "unclear", "inapplicable") is None
    assert score("unclear", "inapplicable", "no") == 0.0  # a gate that fails is told
    # A gate that may be the one that fails: neither passed nor failed.
    assert score("yes", "yes", "unclear") is None
    assert weighed({"a": "yes", "b": "yes", "g": "unclear"}, asked).reason == "whether the gate 'g' holds is unclear"
    assert Skill("s", "w", asked).criteria == asked
