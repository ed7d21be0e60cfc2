"""The reasons and evidence of `constraint`, `posterior` and `search`; their labels are in tests/contracts."""

from prm_gym.claims import Assignment, Progress, Safest
from prm_gym.csp import AllDifferent, Is, Linear, Problem, Variable
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier

PAIR = Problem((Variable("a", (1, 2)), Variable("b", (1, 2))), (AllDifferent(("a", "b")),))


def verdict(name, claim):
    step = StepContext(task=Task("t", "", ""), observation="", action="", claims=(claim,))
    return make_verifier(name).verify([step])[0]


def test_the_constraint_that_is_broken_is_named():
    found = verdict("constraint", Assignment(PAIR, (Is("a", 1),), "b", 1))
    assert found.reason == "b = 1 is impossible: it breaks: all different: a, b"
    assert found.evidence == {"variable": "b", "value": 1, "by": "propagation"}


def test_what_does_not_follow_has_a_counterexample():
    found = verdict("constraint", Assignment(PAIR, (), "a", 1, follows=True))
    assert found.evidence["counterexample"] == {"a": 2, "b": 1}
    found.evidence["counterexample"]["a"] = "changed by whoever reads it"
    assert verdict("constraint", Assignment(PAIR, (), "a", 1, follows=True)).evidence["counterexample"] == {"a": 2, "b": 1}


def test_probabilities_are_fractions():
    # One mine in the first two cells, two in all five: the three others share one.
    cells = tuple("abcde")
    problem = Problem(tuple(Variable(c, (0, 1)) for c in cells), (Linear(cells, (1,) * 5, "=", 2), Linear(cells[:2], (1, 1), "=", 1)))
    assert verdict("posterior", Safest(problem, cells, "a", 1)).evidence == {"probability": "1/2", "least": "1/3", "candidates": 5, "as_safe": 3}
    assert verdict("posterior", Safest(problem, cells, "c", 1)).score == 1.0


def test_distances_are_evidence():
    found = verdict("search", Progress("sokoban", "######\n#@$ .#\n######", "######\n# @$.#\n######"))
    assert found.evidence == {"before": 2, "after": 1}
    assert found.reason == "the goal was 2 steps away and is 1 now"
