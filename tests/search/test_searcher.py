"""What all methods share: budgets that are exact, results that are the same again, bad input."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from search_worlds import MarksVerifier, PathAgent, PathEnv, SayingAgent

from prm_gym.agent import Action
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.rollout import make_envs
from prm_gym.search import METHODS, Budget, Expand, Searcher, SearchMethod, Valuation, reach

SPECS = [
    "best-of-n",
    "majority",
    "weighted-majority",
    "refined-best-of-n",
    "beam",
    "beam?draft_tokens=2&expand=2",
    "beam?reject_below=0.5",
    "prune",
    "prune?keep=0.5",
    "mcts",
    "mcts?select=puct&evaluate=value",
    "mcts?listed=true&choose=visits",
    "rest-mcts",
    "rest-mcts?enough=1.5",
    "omega",
    "smc",
    "smc?choose=vote&ess=1.0",
    "smc?choose=draw&floor=0.0",
    "speculative?n=null",
    "speculative?accept=advantage",
]
PATH = "test_search/PathEnv"


def searcher(agent=None, verifier=None, env=PATH, helper=None, options=None, **more):
    return Searcher(agent or PathAgent(), env, options, verifier=verifier or MarksVerifier(), helper=helper or PathAgent(0.9), **{"num_envs": 4, **more})


def test_every_method_is_tried_here():
    assert {spec.partition("?")[0] for spec in SPECS} == set(METHODS.names())


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("unit", ["agent_steps", "verifier_calls", "env_steps", "tokens"])
def test_a_budget_is_never_passed_and_what_is_counted_is_what_was_done(spec, unit):
    # Counted where it is done: prompts by the agents, steps by the environment and the verifier, letters by what the agents wrote.
    for amount in (1, 7, 40):
        agent, helper, verifier = PathAgent(), PathAgent(0.9), MarksVerifier()
        before = PathEnv.steps_taken
        budget = Budget.of(unit, amount * (5 if unit == "tokens" else 1), action_tokens=5)
        with searcher(agent, verifier, helper=helper) as made:
            results = made.search(spec, range(3), budget)
        assert all((getattr(result.spent, unit) or 0) <= getattr(budget, unit) for result in results)
        assert sum(result.spent.agent_steps for result in results) == agent.prompts + helper.prompts
        assert sum(result.spent.verifier_calls for result in results) == verifier.asked
        assert sum(result.spent.env_steps for result in results) == PathEnv.steps_taken - before
        assert sum(result.spent.tokens for result in results) == agent.written + helper.written
        if unit == "agent_steps" and amount == 40 and "floor=0.0" not in spec:  # where refuted particles die, all may
            assert all(result.chosen is not None for result in results)


def test_a_budget_in_agent_steps_is_spent_to_the_last_by_attempts():
    # Three steps an attempt: 13 attempts and one step of another.
    with searcher() as made:
        (result,) = made.search("best-of-n", [0], Budget(agent_steps=40))
    assert result.spent.agent_steps == 40
    assert sum(candidate.times for candidate in result.candidates) == 13


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_seed_gives_the_same_result_alone_or_in_any_batch(spec):
    def found(seeds, num_envs, seed=0):
        with searcher(num_envs=num_envs, seed=seed) as made:
            return made.search(spec, seeds, Budget(agent_steps=30))

    together = found(range(3), 8)
    assert found([2, 0, 1], 2) == [together[2], together[0], together[1]]
    assert found([1], 1) == [together[1]]


def test_another_seed_gives_other_attempts():
    with searcher(seed=0) as one, searcher(seed=1) as other:
        first, second = ([each.chosen.steps[0].action for each in made.search("majority?n=1", range(20))] for made in (one, other))
    assert first != second


def test_all_tasks_act_in_one_batch_and_are_judged_in_one():
    agent, verifier = PathAgent(), MarksVerifier()
    with searcher(agent, verifier, num_envs=32) as made:
        made.search("best-of-n?n=4", range(8))
    # 8 tasks of 4 attempts are 32 prompts, in three rounds; the attempts of a task that do the same are judged once.
    assert (agent.batches, agent.prompts, verifier.batches) == (3, 96, 3)
    assert verifier.asked < 96


def test_what_is_chosen_plays_again_from_its_seed():
    with searcher(env="test_search/LuckyPathEnv") as made:
        results = made.search("best-of-n?n=4", range(12))
    assert len({result.outcome for result in results}) == 2
    env = make_envs("test_search/LuckyPathEnv", 1, {}).envs[0]
    for result in results:
        env.reset(seed=result.seed)
        infos = [env.step(step.action)[4] for step in result.chosen.steps]
        assert infos[-1]["outcome"] == result.outcome
        assert [info["state_key"] for info in infos] == [step.next_state_key for step in result.chosen.steps]


def test_an_environment_that_cannot_be_saved_is_replayed_and_that_counts():
    with searcher(env="test_search/LivePathEnv", options={"depth": 4}) as live, searcher(options={"depth": 4}) as saved:
        (replayed,) = live.search("best-of-n?n=2", [5])
        (restored,) = saved.search("best-of-n?n=2", [5])
    assert [step.action for step in replayed.chosen.steps] == [step.action for step in restored.chosen.steps]
    # Two attempts of four steps, before which 0, 1, 2 and 3 are replayed.
    assert replayed.spent.env_steps == 2 * (4 + 6)
    with searcher(env="test_search/LivePathEnv", options={"depth": 4}) as live:
        (short,) = live.search("beam?width=2", [5], Budget(env_steps=11))
    assert short.spent.env_steps <= 11


def test_what_the_infrastructure_spoils_says_nothing_of_the_method():
    with searcher(env="test_search/BrokenPathEnv") as made:
        for spec in (
            "best-of-n?n=2",
            "beam",
            "smc",
            "mcts?simulations=3",
            "rest-mcts",
            "omega",
            "speculative",
            "prune?n=2",
            "majority?n=2",
            "refined-best-of-n?n=2",
        ):
            (result,) = made.search(spec, [0], Budget(agent_steps=30))
            assert (result.chosen, result.outcome, result.best_outcome) == (None, None, None)
            assert not result.valid
            assert "spoilt every attempt" in result.reason


LOST = "test_search/LostPathEnv"


@pytest.mark.parametrize("spec", SPECS)
def test_a_state_that_is_lost_ends_the_attempts_through_it_and_not_the_search(spec):
    # Of twelve tries to put a state back nine fail one after the other: two of three states, each of which is tried three times.
    agent, helper = PathAgent(), PathAgent(0.9)
    with searcher(agent, helper=helper, env=LOST, options={"broken": 9}) as made:
        results = made.search(spec, range(6), Budget(agent_steps=60))
    assert all(result.valid or "spoilt every attempt" in result.reason for result in results)
    assert any(result.valid for result in results)
    candidates = [each.trajectory for result in results for each in result.candidates]
    spoilt = [each for each in candidates if not each.valid]
    assert spoilt or spec.startswith(("rest-mcts", "omega"))  # which keep none of them
    assert all((each.outcome, each.steps[-1].truncated, each.steps[-1].reward) == (None, True, 0.0) for each in spoilt)
    assert all("the session is gone" in each.steps[-1].claims[0].reason for each in spoilt)
    assert all(verdict.status == "error" for each in spoilt for verdict in each.steps[-1].verdicts.values())
    assert all("the session is gone" not in str(each.steps) for each in candidates if each.valid)
    assert sum(result.spent.tokens for result in results) == agent.written + helper.written


@pytest.mark.parametrize("spec", SPECS)
def test_a_state_that_is_put_back_at_the_second_or_third_try_changes_nothing(spec):
    budget = Budget(agent_steps=60)
    with searcher(env=LOST, options={"broken": 2}) as shaky, searcher(env=LOST, options={"broken": 0}) as firm:
        found, known = (each.search(spec, range(3), budget) for each in (shaky, firm))
    for one, other in zip(found, known, strict=True):
        assert (one.outcome, one.best_outcome, one.spent, one.valid, len(one.candidates)) == (
            other.outcome,
            other.best_outcome,
            other.spent,
            True,
            len(other.candidates),
        )
        assert [each.trajectory.steps for each in one.candidates] == [each.trajectory.steps for each in other.candidates]


@pytest.mark.parametrize("spec", ["mcts", "mcts?listed=true&choose=visits", "mcts?select=puct&evaluate=value", "rest-mcts", "beam", "smc", "omega"])
def test_one_state_that_never_comes_back_is_searched_around(spec):
    # What is right lies on the other side. Only ReST-MCTS, which draws its three next steps of the root once, may have none that leads there.
    found = {}
    for env in (PATH, "test_search/OneLostPathEnv"):
        with searcher(PathAgent(0.7), env=env, options={"depth": 3}) as made:
            found[env] = made.search(spec, range(6), Budget(agent_steps=80, env_steps=80))
    whole, broken = found.values()
    spent = [sum(result.spent.agent_steps for result in results) for results in (whole, broken)]
    if spec.startswith("mcts"):
        assert spent[1] > 0.6 * spent[0]  # it ended at the first third when the lost state ended it
    assert sum(result.valid for result in broken) >= 4
    assert sum(result.best_outcome == 1.0 for result in broken) == sum(result.best_outcome == 1.0 for result in whole) >= 4


@pytest.mark.parametrize("spec", SPECS)
def test_a_state_that_cannot_be_saved_is_left_for_good_and_no_search_ends(spec):
    with searcher(PathAgent(0.9), env="test_search/UnsavedPathEnv", options={"depth": 2}) as made:
        results = made.search(spec, range(3), Budget(agent_steps=60))
    assert all(result.valid or "spoilt every attempt" in result.reason for result in results)


class DyingAgent(PathAgent):
    """What it stands on dies before every second answer."""

    def act(self, prompts):
        return [Action(text="", failure="the server died") if at % 2 else action for at, action in enumerate(super().act(prompts))]


class DeadAgent(PathAgent):
    def act(self, prompts):
        return [Action(text="", failure="the server died") for _ in super().act(prompts)]


@pytest.mark.parametrize("env", [PATH, "test_search/LivePathEnv"])
def test_an_agent_that_fails_spoils_the_attempt_and_takes_no_step(env):
    verifier = MarksVerifier()
    with searcher(agent=DeadAgent(), helper=DeadAgent(), verifier=verifier, env=env) as made:
        for spec in ("best-of-n?n=2", "beam", "smc", "mcts?simulations=3", "speculative"):
            (result,) = made.search(spec, [0], Budget(agent_steps=30))
            assert (result.valid, result.chosen, result.outcome) == (False, None, None)
    assert verifier.asked == 0
    with searcher(agent=DyingAgent(1.0), env=env) as made:
        (result,) = made.search("best-of-n?n=4", [0], Budget(agent_steps=30))
    # Of four attempts every second one fails; what is left of them is always right.
    assert result.valid
    assert result.outcome == 1.0
    assert all(step.action == "right" for step in result.chosen.steps)


def test_an_episode_that_cannot_be_begun_is_no_failure_of_the_method():
    with searcher(env="test_search/AbsentPathEnv") as made:
        results = made.search("beam", range(3))
    assert [(result.valid, result.outcome, result.reason) for result in results] == [(False, None, "the episode could not be begun: nobody there")] * 3


def test_a_budget_too_small_for_an_attempt_solves_nothing_and_says_so():
    with searcher() as made:
        (result,) = made.search("best-of-n", [0], Budget(agent_steps=2))
    assert (result.chosen, result.candidates, result.outcome, result.valid) == (None, (), 0.0, True)
    assert result.reason == "no attempt came to an end: the budget was used up"


def test_what_the_verifier_cannot_tell_stands_in_the_middle_and_is_reported_as_unknown():
    # Attempts by hand: "a" scores 0.4, of "b" nothing is known, "c" scores 0.6.
    marks = {"a": 0.4, "c": 0.6}
    for texts, unknown, chosen in ((("a", "b"), 0.5, "b"), (("b", "c"), 0.5, "c"), (("a", "b"), 0.3, "a"), (("b", "c"), 0.7, "b")):
        options = {"depth": 1, "leaves": {"a": 0.0, "b": 0.0, "c": 1.0}}
        with searcher(SayingAgent(*texts), MarksVerifier(marks), options=options, valuation=Valuation(unknown=unknown)) as made:
            (result,) = made.search("best-of-n?n=2", [0])
        assert result.chosen.steps[0].action == chosen
        assert {each.trajectory.steps[0].action: each.score for each in result.candidates} == {text: marks.get(text) for text in texts}


def test_an_attempt_that_was_cut_stands_behind_one_that_came_to_its_end():
    # With at most two steps of three, all are cut; with three, a wrong end stands before a right beginning.
    with searcher(options={"max_steps": 2}) as made:
        (result,) = made.search("best-of-n?n=2", [0])
    assert result.chosen.truncated


def test_no_two_states_of_a_batch_are_one_episode():
    # What an agent keeps of an episode (keys, values) it finds by this name: a branch has a name of its own, and a first step goes on under that of its parent.
    class Names(PathAgent):
        def act(self, prompts):
            names = [prompt.episode for prompt in prompts]
            assert len(set(names)) == len(names)
            assert all(names)
            self.seen = [*getattr(self, "seen", []), *names]
            return super().act(prompts)

    for spec in ("beam?width=3", "smc", "mcts?listed=true", "best-of-n?n=5"):
        agent = Names()
        with searcher(agent) as made:
            made.search(spec, range(2), Budget(agent_steps=40))
        if spec == "best-of-n?n=5":  # ten attempts of three steps: the first of each state goes on, the others branch
            assert len(set(agent.seen)) < len(agent.seen) == 30


class TwoLooks(SearchMethod, frozen=True, kw_only=True):
    """A method of somebody else's."""

    def search(self, tree):
        node = tree.root
        while not node.ended:
            found = yield from reach([Expand(node), Expand(node)])
            node = max(found, key=tree.value)
        return tree.choice([node])


def test_a_method_of_ones_own():
    with searcher() as made:
        (result,) = made.search(TwoLooks(), [0])
    assert (result.method, result.spent.agent_steps) == ("TwoLooks", 6)


def test_a_search_that_cannot_be_honoured_says_why():
    with searcher() as made:
        for spec, error, words in (
            ("beem", UnknownNameError, "beam"),
            ("beam?widht=3", OptionError, "width"),
            ("beam?width=0", OptionError, "width of Beam lies from 1"),
            ("mcts?select=best", OptionError, "'uct' or 'puct'"),
            ("smc?choose=worst", OptionError, "'best', 'vote' or 'draw'"),
            ("speculative?accept=never", OptionError, "'threshold' or 'advantage'"),
        ):
            with pytest.raises(error, match=words):
                made.search(spec, [0])
        with pytest.raises(OptionError, match="distinct"):
            made.search("beam", [0, 0])
    with Searcher(PathAgent(), PATH, num_envs=1) as made:
        with pytest.raises(OptionError, match="needs a verifier"):
            made.search("best-of-n", [0])
        (result,) = made.search("majority?n=3", [0])  # needs none
        assert result.spent.verifier_calls == 0
    with Searcher(PathAgent(), PATH, num_envs=1, verifier=MarksVerifier()) as made, pytest.raises(OptionError, match="second agent"):
        made.search("speculative?accept=advantage", [0])
    with Searcher("random", PATH, num_envs=1, verifier=MarksVerifier()) as made, pytest.raises(OptionError, match="cannot begin an action"):
        made.search("beam?draft_tokens=2", [0])
    for wrong in ({"seed": -1}, {"horizon": 0}):
        with pytest.raises(OptionError):
            searcher(**wrong)
    for wrong in ({"how": "most"}, {"unknown": 2.0}, {"undecided": "wrong"}):
        with pytest.raises(OptionError):
            Valuation(**wrong)


def test_budgets_that_cannot_be_kept_are_refused():
    for wrong in ({"agent_steps": 0}, {"tokens": -1, "action_tokens": 3}, {"env_steps": 1.5}, {"tokens": 40}):
        with pytest.raises(OptionError):
            Budget(**wrong)
    with pytest.raises(UnknownNameError, match="agent_steps"):
        Budget.of("agent_step", 4)
    with searcher(PathAgent(tokens=False)) as made, pytest.raises(OptionError, match="does not say how many"):
        made.search("best-of-n", [0], Budget(tokens=50, action_tokens=5))
    with searcher() as made, pytest.raises(OptionError, match="took 5 tokens where action_tokens promises at most 4"):
        made.search("best-of-n", [0], Budget(tokens=50, action_tokens=4))
    with searcher(PathAgent(tokens=False)) as made:
        (result,) = made.search("best-of-n?n=1", [0])
    assert result.spent.tokens is None
