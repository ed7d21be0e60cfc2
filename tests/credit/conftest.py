import numpy as np
import pytest

from prm_gym.credit import StepBatch, key_array


def ragged_batch(seed, *, tasks=5, states=6, actions=3, longest=9):
    """A batch with everything that trips a fast implementation: ragged lengths, groups of one to six attempts that stand interleaved, states
    that come back within a trajectory and in other attempts, and the same state names in every task.
    """
    rng = np.random.default_rng(seed)
    group_ids = np.concatenate([np.full(rng.integers(1, 7), task) for task in range(tasks)])
    rng.shuffle(group_ids)
    lengths = rng.integers(1, longest + 1, group_ids.size)
    steps = int(lengths.sum())
    visited = rng.integers(0, states, steps)
    return StepBatch(
        rewards=np.round(rng.normal(size=steps), 2) * (rng.random(steps) < 0.4),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        group_ids=key_array(f"task {group}" for group in group_ids),
        outcomes=rng.integers(0, 2, group_ids.size).astype(float),
        truncated=rng.random(group_ids.size) < 0.2,
        columns={
            "state_key": key_array(f"state {state}" for state in visited),
            "action_key": rng.integers(0, actions, steps),
            "next_state_key": key_array(f"state {state}".encode() for state in rng.integers(0, 2, steps)),
        },
    )


@pytest.fixture(scope="session")
def make_batch():
    return ragged_batch


def process_batch(seed, **options):
    """A ragged batch with all that is said of its steps, some of it not known: quarters, so that equal numbers stand side by side."""
    batch = ragged_batch(seed, **options)
    rng = np.random.default_rng(seed + 1000)
    steps, owner = batch.rewards.size, batch.trajectory_of_step

    def quarters(unknown=0.2):
        return np.where(rng.random(steps) < unknown, np.nan, rng.integers(0, 5, steps) / 4)

    names = ("score", "potential", "final_potential", "mc_value", "bootstrap_mc_value")
    answers = rng.choice(["yes", "no", None], batch.lengths.size)
    labels = np.where(rng.random(steps) < 0.2, np.nan, rng.integers(0, 2, steps))
    return batch.with_columns({**{name: quarters() for name in names}, "value": quarters(0.0), "label": labels, "answer_key": key_array(answers[owner])})


@pytest.fixture(scope="session")
def make_process_batch():
    return process_batch


def walking_batch(seed, *, tasks=4, states=5, actions=2, longest=7):
    """Walks on states that are the same in all attempts: what a step led to is where the next was taken. With cycles, self-loops, chance, states that some
    attempts end in and others pass, truncated attempts, and rewards on the way.
    """
    rng = np.random.default_rng(seed)
    group_ids = np.concatenate([np.full(rng.integers(1, 6), task) for task in range(tasks)])
    rng.shuffle(group_ids)
    lengths = rng.integers(1, longest + 1, group_ids.size)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    visited = rng.integers(0, states, int(lengths.sum()))
    following = np.append(visited[1:], 0)
    following[offsets[1:] - 1] = rng.integers(0, states + 2, group_ids.size)
    rewards = np.round(rng.normal(size=visited.size), 2) * (rng.random(visited.size) < 0.2)
    outcomes = rng.integers(0, 2, group_ids.size).astype(float)
    rewards[offsets[1:] - 1] += outcomes
    columns = {
        "state_key": key_array(map(str, visited)),
        "action_key": rng.integers(0, actions, visited.size),
        "next_state_key": key_array(map(str, following)),
    }
    return StepBatch(rewards, offsets, key_array(map(str, group_ids)), outcomes, rng.random(group_ids.size) < 0.3, columns)


@pytest.fixture(scope="session")
def make_walks():
    return walking_batch
