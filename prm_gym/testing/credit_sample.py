"""The batch on which assigners and transforms of credit are tried."""

import numpy as np

from prm_gym.credit import StepBatch, key_array
from prm_gym.credit.array_types import Column, IntArray


def sample_batch(branching: bool = False) -> StepBatch:
    """Ragged lengths, groups of one to five that stand interleaved, a group of equal rewards, states that come back, an outcome that is not known.

    It has every column that `StepBatch` documents. Of those of numbers that verifiers, critics, agents and signals fill, a tenth is not known.

    Args:
        branching: trajectories branch off from others (column `parent`); otherwise they are independent attempts.
    """
    rng, holes = np.random.default_rng(0), np.random.default_rng(1)
    tasks = rng.permutation(np.repeat(np.arange(8), [1, 2, 3, 4, 5, 4, 3, 2]))
    lengths = rng.integers(1, 8, tasks.size)
    steps, owner = int(lengths.sum()), np.repeat(np.arange(tasks.size), lengths)
    rewards = np.round(rng.normal(size=steps), 2)
    rewards[tasks[owner] == 7] = 0.0
    states, actions = rng.integers(0, 6, steps), rng.integers(0, 3, steps)
    keys = {
        "state_key": key_array(f"state {state}" for state in states),
        "next_state_key": key_array(f"state {state}" for state in (states + actions) % 6),
        "action_key": key_array(f"action {action}" for action in actions),
        "belief_key": key_array(f"belief {state % 3}" for state in states),
        "answer_key": key_array("yes" if length % 3 else None for length in lengths[owner].tolist()),
    }
    parents = {"parent": _parents(rng, tasks, lengths)} if branching else {}
    told = {name: rng.random(steps) for name in ("value", "score", "potential", "final_potential", "mc_value", "entropy")}
    told |= {name: -rng.random(steps) for name in ("logprob", "ref_logprob")}
    told |= {name: rng.normal(size=steps) for name in ("implicit_reward", "bootstrap_value", "bootstrap_mc_value", "greedy_return")}
    told["label"] = rng.integers(0, 2, steps).astype(np.float64)
    for column in told.values():
        column[holes.random(steps) < 0.1] = np.nan
    whole = {name: rng.normal(size=steps) for name in ("progress", "belief_reward")}  # an estimator tells of every trajectory, an agent of every belief
    outcomes = rng.integers(0, 2, tasks.size).astype(np.float64)
    outcomes[3] = np.nan
    return StepBatch(
        rewards=rewards,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        group_ids=key_array(f"task {task}" for task in tasks),
        outcomes=outcomes,
        truncated=rng.random(tasks.size) < 0.2,
        columns={**keys, **parents, **told, **whole, "n_tokens": rng.integers(1, 50, steps)},
    )


def arrays(batch: StepBatch) -> list[Column]:
    """All that a batch holds, in one order, to see whether it stays as it is."""
    return [batch.rewards, batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, *(batch.columns[name] for name in sorted(batch.columns))]


def _parents(rng: np.random.Generator, tasks: IntArray, lengths: IntArray) -> IntArray:
    """Every other trajectory branches off before the end of an earlier one of its task, where there is one that is long enough."""
    begins = np.cumsum(lengths) - lengths
    parents = np.full(int(lengths.sum()), -1, dtype=np.int64)
    for trajectory in range(tasks.size):
        earlier = [other for other in range(trajectory) if tasks[other] == tasks[trajectory] and lengths[other] > 1]
        if earlier and rng.random() < 0.5:
            trunk = earlier[int(rng.integers(len(earlier)))]
            parents[begins[trajectory]] = begins[trunk] + rng.integers(lengths[trunk] - 1)
    return parents
