"""What verifiers have done, counted by hand."""

import time

from prm_gym.agent import make_agent
from prm_gym.compose import Cached
from prm_gym.rollout import Rollouts, groups
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verdict_ledger import VerdictLedger, VerifierPair, VerifierUse, pairs, uses
from prm_gym.verifier import Verifier


def _trajectory(outcome, *steps, valid=True):
    made = tuple(
        Step(index=place, observation="", action="", state_key="", next_state_key="", reward=0.0, verdicts=verdicts) for place, verdicts in enumerate(steps)
    )
    task = Task(key="", instructions="", question="")
    return Trajectory(id="0/0", group_id="0", task=task, seed=0, env_id="e", env_options={}, agent="a", outcome=outcome, valid=valid, steps=made)


RIGHT, WRONG = judged("correct", 1.0, ""), judged("incorrect", 0.0, "")
LATE = Verdict(status="timeout", reason="late", run_seconds=2.0, queued_seconds=0.5)


def _ledger(*trajectories):
    ledger = VerdictLedger(["a", "b"])
    for trajectory in trajectories:
        ledger.add(trajectory)
    return ledger


def test_statuses_and_seconds_are_counted_apart():
    ledger = _ledger(_trajectory(None, {"a": RIGHT, "b": LATE}, {"a": abstained("?"), "b": failed("broke")}, {"a": WRONG, "b": LATE}))
    a, b = uses(ledger.counts)
    assert a == VerifierUse(verifier="a", calls=3, abstain=1)
    assert b == VerifierUse(verifier="b", calls=3, timeout=2, error=1, seconds=4.0, queued_seconds=1.0)
    assert (a.scored, b.scored) == (2, 0)
    assert ledger.total("timeout") == {"a": 0, "b": 2}


def test_verdicts_and_outcomes_are_set_side_by_side():
    # Four episodes: solved and all accepted; solved with a refused step; failed with a refused one; failed and all accepted. b scores in the last alone.
    # An episode without an outcome and a spoilt one say nothing.
    ledger = _ledger(
        _trajectory(1.0, {"a": RIGHT}, {"a": RIGHT}),
        _trajectory(1.0, {"a": WRONG}, {"a": RIGHT}),
        _trajectory(0.0, {"a": RIGHT}, {"a": WRONG}),
        _trajectory(0.0, {"a": RIGHT, "b": WRONG}),
        _trajectory(None, {"a": WRONG}),
        _trajectory(1.0, {"a": WRONG}, valid=False),
    )
    a, b = uses(ledger.counts)
    assert (a.solved, a.solved_refused, a.unsolved, a.unsolved_refused) == (2, 1, 2, 1)
    assert (b.solved, b.solved_refused, b.unsolved, b.unsolved_refused) == (0, 0, 1, 1)


def test_two_verifiers_are_apart_only_where_both_tell():
    half = judged("neutral", 0.5, "")  # one half accepts
    ledger = _ledger(_trajectory(1.0, {"a": RIGHT, "b": WRONG}, {"a": RIGHT, "b": half}, {"a": RIGHT, "b": LATE}))
    assert pairs(ledger.counts) == (VerifierPair(first="a", second="b", both=2, apart=1),)


def test_ledgers_add_up():
    one, other = _ledger(_trajectory(1.0, {"a": RIGHT})), _ledger(_trajectory(1.0, {"a": WRONG}))
    both = {kind: one.counts.get(kind, 0) + other.counts.get(kind, 0) for kind in one.counts | other.counts}
    assert uses(both) == uses(_ledger(_trajectory(1.0, {"a": RIGHT}), _trajectory(1.0, {"a": WRONG})).counts)


class Slow(Verifier):
    """Takes a tenth of a second a step."""

    id = "slow"
    version = "1"

    def verify(self, steps):
        time.sleep(0.1 * len(steps))
        return [judged("correct", 1.0, "") for _ in steps]


def test_a_verdict_from_memory_costs_the_look_alone():
    rollouts = Rollouts("prm_gym/Deduction-v0", {"verifiers": [Cached([Slow()])], "difficulty": 1}, 1)
    first, again = (rollouts.play(make_agent("scripted"), groups([3], 1))[0] for _ in range(2))
    (cached,) = rollouts.envs.verifiers
    assert cached.hits == len(again.steps)  # the same steps once more
    assert all(step.verdicts["slow"].run_seconds >= 0.1 for step in first.steps)
    assert all(step.verdicts["slow"].run_seconds < 0.05 for step in again.steps)
    assert [step.verdicts for step in again.steps] == [step.verdicts for step in first.steps]
    rollouts.close()
