"""What each method finds in worlds where that can be worked out."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from search_worlds import MarksVerifier, PathAgent, SayingAgent

from prm_gym.errors import OptionError
from prm_gym.search import Budget, Searcher, Valuation
from prm_gym.search.mcts import priors_of, puct, uct
from prm_gym.search.node import Node
from prm_gym.search.smc import effective_size, systematic
from prm_gym.transition import Situation

PATH = "test_search/PathEnv"


def searched(spec, seeds=(0,), agent=None, verifier=None, budget=None, how="min", helper=None, options=None, **more):
    verifier = verifier or MarksVerifier()
    with Searcher(agent or PathAgent(), PATH, options, verifier=verifier, helper=helper, valuation=Valuation(how=how), num_envs=8, **more) as made:
        return made.search(spec, seeds, budget)


def actions(trajectory):
    return " ".join(step.action for step in trajectory.steps)


# Attempts.


def test_the_best_of_n_succeeds_as_often_as_any_of_n_where_the_verifier_is_right():
    # An attempt of two steps succeeds with probability 1/4, any of four with 1 - (3/4)^4 = 0.684; 300 tasks: standard deviation 0.027.
    results = searched("best-of-n?n=4", range(300), options={"depth": 2})
    assert abs(np.mean([result.outcome for result in results]) - 0.684) < 0.11
    assert all(result.outcome == result.best_outcome for result in results)


def test_votes():
    # Three attempts of one step: "a" twice with a score of 0.2 each, "b" once with 0.9.
    marks, options = {"a": 0.2, "b": 0.9}, {"depth": 1, "leaves": {"a": 0.0, "b": 1.0}}
    (plain,) = searched("majority?n=3", agent=SayingAgent("a", "b", "a"), verifier=MarksVerifier(marks), options=options)
    assert (actions(plain.chosen), plain.notes) == ("a", {"answers": 2.0, "share": 2 / 3})
    assert plain.spent.verifier_calls == 0
    (weighted,) = searched("weighted-majority?n=3", agent=SayingAgent("a", "b", "a"), verifier=MarksVerifier(marks), options=options)
    assert actions(weighted.chosen) == "b"
    assert weighted.notes["share"] == pytest.approx(0.9 / 1.3)
    assert {actions(each.trajectory): each.times for each in weighted.candidates} == {"a": 2, "b": 1}


def test_refinement_keeps_what_is_right():
    # right wrong right | taken back to before the second step: right wrong | and again: right right.
    said = ("right", "wrong", "right", "wrong", "right", "right", "right")
    (result,) = searched("refined-best-of-n?n=1", agent=SayingAgent(*said))
    assert [actions(each.trajectory) for each in result.candidates] == ["right wrong right", "right right right"]
    assert (actions(result.chosen), result.outcome, result.spent.agent_steps) == ("right right right", 1.0, 7)
    # The second attempt comes to the end of the first by steps that are known: five steps of the environment, not seven.
    assert (result.spent.env_steps, result.notes) == (5, {"refinements": 2.0})
    (once,) = searched("refined-best-of-n?n=1&rounds=0", agent=SayingAgent(*said))
    assert (once.outcome, once.spent.agent_steps) == (0.0, 3)


def test_a_budget_is_shared_between_attempts_and_refinements():
    # 36 steps hold twelve attempts of three: three are begun, and refined up to three times each before others are.
    results = searched("refined-best-of-n", range(20), budget=Budget(agent_steps=36), horizon=3)
    plain = searched("best-of-n", range(20), budget=Budget(agent_steps=36), horizon=3)
    assert min(result.notes["refinements"] for result in results) >= 1
    # A refined attempt keeps its right steps: 20 of 20 come to the end here, where a step is right half of the time.
    assert np.mean([result.outcome for result in results]) >= np.mean([result.outcome for result in plain])


# Beams and pruning.

# By the product of the scores:  L 0.6, then 0.3 either way;  R 0.5, then RR 0.45.
TREE = {"L": 0.6, "R": 0.5, "L L": 0.5, "L R": 0.5, "R L": 0.1, "R R": 0.9}
LEAVES = {"L L": 0.0, "L R": 0.0, "R L": 0.0, "R R": 1.0}
WORLD = {"depth": 2, "words": ("L", "R"), "leaves": LEAVES}


@pytest.mark.parametrize(("width", "chosen", "value"), [(1, ("L L", "L R"), 0.3), (2, ("R R",), 0.45)])
def test_a_wider_beam_finds_what_a_greedy_one_passes_by(width, chosen, value):
    # Sixteen proposals of two words: one is missing with probability 2^-15.
    results = searched(f"beam?width={width}&expand=16", range(4), "random", MarksVerifier(TREE), how="product", options=WORLD)
    for result in results:
        assert actions(result.chosen) in chosen
        score = next(each.score for each in result.candidates if each.trajectory == result.chosen)
        assert score == pytest.approx(value)
        assert result.spent.agent_steps == 2 * 16 * width  # all of them from the root, then 16 from each
        assert result.spent.env_steps == 2 + 2 * width  # of equal proposals one is taken


def test_a_step_that_is_rejected_is_not_gone_on_from():
    (result,) = searched("beam?width=2&expand=16&reject_below=0.55", agent="random", verifier=MarksVerifier(TREE), how="product", options=WORLD)
    assert {actions(each.trajectory)[0] for each in result.candidates} == {"L"}


def test_early_rejection_finishes_the_best_beginnings_alone():
    # A step: four beginnings of two letters are judged, the best is finished by three more letters, and judged.
    agent = PathAgent()
    results = searched("beam?width=1&expand=4&draft_tokens=2", range(20), agent)
    for result in results:
        assert (result.spent.agent_steps, result.spent.verifier_calls, result.spent.env_steps, result.spent.tokens) == (12, 15, 3, 3 * (4 * 2 + 3))
    # A step is right unless all four beginnings are wrong: (15/16)^3 = 0.824; 20 tasks: standard deviation 0.085.
    assert abs(np.mean([result.outcome for result in results]) - 0.824) < 0.35


def test_pruned_attempts_cost_what_they_took_until_their_first_error():
    results = searched("prune?n=8", range(40))
    for result in results:
        # Where every wrong step ends its attempt, what ended has at most its last step wrong.
        assert all("wrong" not in actions(each.trajectory).rsplit(" ", 1)[0] for each in result.candidates)
        assert result.notes["begun"] == 8 == result.notes["given_up"] + sum(each.times for each in result.candidates)
    # Expected steps of an attempt of three: 1 + 1/2 + 1/4 = 1.75, of eight 14; the standard deviation of the mean of 40 is 0.37.
    assert abs(np.mean([result.spent.agent_steps for result in results]) - 14.0) < 1.9


def test_the_worse_half_is_given_up_at_every_step():
    # None is wrong, but of eight running four go on, then two, which end.
    marks = {"right": 0.9, "wrong": 0.6}
    (result,) = searched("prune?n=8&keep=0.5", verifier=MarksVerifier(marks))
    assert (result.spent.agent_steps, sum(each.times for each in result.candidates), result.notes["given_up"]) == (8 + 4 + 2, 2, 6.0)


# Trees.


def test_uct_and_puct_by_hand():
    assert uct(0.5, 4, 16, 2.0) == pytest.approx(0.5 + 2.0 * math.sqrt(math.log(16) / 4))
    assert uct(0.0, 0, 16, 2.0) == math.inf
    assert puct(0.5, 3, 16, 0.25, 2.0) == pytest.approx(0.5 + 2.0 * 0.25 * 4 / 4)


def test_priors_are_the_agents_probabilities_or_the_shares_in_which_steps_were_drawn():
    nodes = [Node(Situation(observation="", state_key=""), 0, "") for _ in range(2)]
    assert list(priors_of({nodes[0]: 3, nodes[1]: 1}).values()) == [0.75, 0.25]
    nodes[0].logprob = math.log(0.1)
    assert list(priors_of({nodes[0]: 3, nodes[1]: 1}).values()) == [0.75, 0.25]  # one of them is not said
    nodes[1].logprob = math.log(0.4)
    assert list(priors_of({nodes[0]: 3, nodes[1]: 1}).values()) == pytest.approx([0.2, 0.8])


# Eight leaves, the best of them (0.9) beside the worst: the mean below "L" (0.5) is higher than that below "R" (0.375).
EIGHT = dict(zip(["L L L", "L L R", "L R L", "L R R", "R L L", "R L R", "R R L", "R R R"], [0.5, 0.5, 0.5, 0.5, 0.1, 0.2, 0.9, 0.3], strict=True))


@pytest.mark.parametrize("spec", ["mcts?listed=true&choose=visits&c=0.5&simulations=1500", "mcts?select=puct&listed=true&choose=visits&c=0.5&simulations=1500"])
def test_the_visits_of_a_tree_search_go_to_the_best_leaf(spec):
    (result,) = searched(spec, agent="random", verifier=MarksVerifier(outcome=True), options={"depth": 3, "words": ("L", "R"), "leaves": EIGHT}, seed=1)
    assert actions(result.chosen) == "R R L"
    # The number of times that a worse step is tried grows with the logarithm alone (UCB1); 1,500 simulations suffice for three quarters here.
    assert result.notes["visits: R"] > 0.75 * 1500
    assert result.notes["visits: L"] + result.notes["visits: R"] == 1500


def test_a_tree_search_by_values_needs_no_play_outs():
    (result,) = searched("mcts?listed=true&evaluate=value&simulations=60", agent="random", verifier=MarksVerifier(TREE), how="product", options=WORLD)
    assert (actions(result.chosen), result.spent.agent_steps) == ("R R", 0)
    assert result.spent.env_steps == 6  # all states of the tree, once


def test_a_state_that_is_visited_more_often_gets_more_next_steps():
    # The root has ceil(2 sqrt(N)) next steps after N visits: a new one is drawn at N = 0, 1, 2, 3, 5, 7, 10, 13: eight in 16 simulations.
    words = [f"w{number}" for number in range(16)]
    options = {"depth": 1, "words": words, "leaves": dict.fromkeys(words, 0.0)}
    for widening, steps in ((0.5, 8), (0.0, 2)):
        spec = f"mcts?branches=2&widening={widening}&simulations=16&evaluate=value"
        (result,) = searched(spec, agent=SayingAgent(*words), verifier=MarksVerifier(outcome=True), options=options)
        assert (result.spent.agent_steps, result.notes["simulations"], result.notes["nodes"]) == (steps, 16.0, 1.0 + steps)
    with pytest.raises(OptionError, match=r"widening of Mcts lies from 0 to 0\.99"):
        searched("mcts?widening=1")


def test_rest_mcts_carries_back_the_mean_of_its_children_by_visits():
    # Expanded once, no look-ahead: children L 0.6 and R 0.5 with one visit each; the root's value is their mean.
    options, verifier = {**WORLD}, MarksVerifier(TREE)
    (once,) = searched("rest-mcts?branches=16&lookahead=0&simulations=1", agent="random", verifier=verifier, how="product", options=options)
    assert once.notes == {"simulations": 1.0, "nodes": 3.0, "root_value": pytest.approx(0.55)}
    # With one look-ahead from L: v = (0.6 + 0.3) / 2 and two visits, so (2 * 0.45 + 0.5) / 3.
    (ahead,) = searched("rest-mcts?branches=16&lookahead=1&simulations=1", agent="random", verifier=verifier, how="product", options=options)
    assert ahead.notes["root_value"] == pytest.approx((2 * 0.45 + 0.5) / 3)
    (whole,) = searched("rest-mcts?branches=16&lookahead=0&simulations=50", agent="random", verifier=verifier, how="product", options=options)
    # The tree has three states to expand; then everything has ended.
    assert (whole.notes["simulations"], whole.notes["nodes"], actions(whole.chosen)) == (3.0, 7.0, "R R")


def test_rest_mcts_stops_where_a_value_is_enough():
    (result,) = searched("rest-mcts?branches=8&enough=0.9", budget=Budget(agent_steps=500))
    assert result.outcome == 1.0
    assert result.spent.agent_steps < 100


def test_omega_goes_on_from_where_failed_attempts_were_right():
    results = searched("omega?k=2&searches=12", range(30), PathAgent(0.7), options={"depth": 6})
    # Two attempts succeed with probability 1 - (1 - 0.7^6)^2 = 0.22; the search does far better.
    assert np.mean([result.outcome for result in results]) > 0.6
    assert max(result.notes["states"] for result in results) > 2


# Particles.


def test_systematic_resampling_takes_floor_or_ceil():
    rng = np.random.default_rng(0)
    weights = np.array([0.0, 3.0, 1.0, 0.5, 0.0, 0.5, 0.0])
    share = 7 * weights / weights.sum()
    counts = np.zeros(7)
    for _ in range(2_000):
        drawn = np.bincount(systematic(weights, rng), minlength=7)
        assert np.all((drawn == np.floor(share)) | (drawn == np.ceil(share)))
        counts += drawn
    # Unbiased: each as often as its weight says; counts differ by one at most, so the standard deviation of a mean is below 0.5 / sqrt(2000).
    assert np.all(np.abs(counts / 2_000 - share) < 0.06)


def test_effective_size_by_hand():
    assert effective_size(np.ones(5)) == 5.0
    assert effective_size(np.array([2.0, 0.0, 0.0])) == 1.0
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert effective_size(np.zeros(3)) == 0.0


@pytest.mark.parametrize("ess", ["0.0", "0.7", "1.0"])
def test_the_estimate_of_the_normaliser_is_unbiased_on_a_known_chain(ess):
    # phi = product of 0.9 a right and 0.2 a wrong step, each with probability 1/2: Z = 0.55^3. Four particles, however often they are resampled.
    results = searched(f"smc?particles=4&floor=0.0&ess={ess}", range(400), verifier=MarksVerifier({"right": 0.9, "wrong": 0.2}), how="product")
    estimates = np.exp([result.notes["log_z"] for result in results])
    assert abs(estimates.mean() - 0.55**3) < 4 * estimates.std() / math.sqrt(400)
    assert (max(result.notes["resampled"] for result in results) > 0) is (ess != "0.0")


def test_a_particle_is_drawn_from_the_target():
    # One step: p(right) phi(right) / Z = 0.9 / 1.1 in the limit of many particles; 64 of them, 300 tasks: standard deviation 0.022.
    options = {"depth": 1}
    results = searched("smc?particles=64&choose=draw", range(300), verifier=MarksVerifier({"right": 0.9, "wrong": 0.2}), how="product", options=options)
    assert abs(np.mean([actions(result.chosen) == "right" for result in results]) - 0.9 / 1.1) < 0.09


def test_where_every_particle_dies_there_is_no_answer():
    (result,) = searched("smc?particles=4&floor=0.0", agent=PathAgent(0.0))
    assert (result.chosen, result.notes["log_z"], result.spent.agent_steps) == (None, -math.inf, 4)


# Two agents.


def test_speculative_steps_ask_the_helper_where_the_draft_is_not_accepted():
    (helped,) = searched("speculative", agent=PathAgent(0.0), helper=PathAgent(1.0))
    assert (helped.outcome, helped.spent.agent_steps) == (1.0, 6)
    assert helped.notes == {"helper_asked": 3.0, "helper_taken": 3.0, "steps": 3.0}
    (alone,) = searched("speculative", agent=PathAgent(1.0), helper=PathAgent(0.0))
    assert (alone.outcome, alone.spent.agent_steps, alone.notes["helper_asked"]) == (1.0, 3, 0.0)
    # The threshold trusts the helper blindly; the advantage does not.
    (blind,) = searched("speculative", agent=PathAgent(0.0), helper=PathAgent(0.0))
    assert blind.notes["helper_taken"] == 3.0
    (oracle,) = searched("speculative?accept=advantage", agent=PathAgent(1.0), helper=PathAgent(0.0))
    assert (oracle.outcome, oracle.notes) == (1.0, {"helper_asked": 3.0, "helper_taken": 0.0, "steps": 3.0})
    results = searched("speculative?accept=advantage", range(100), agent=PathAgent(0.5), helper=PathAgent(0.5))
    # A step is right where either is: (3/4)^3 = 0.42; 100 tasks: standard deviation 0.05.
    assert abs(np.mean([result.outcome for result in results]) - 0.42) < 0.2
