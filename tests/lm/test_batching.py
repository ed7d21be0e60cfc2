import numpy as np
import pytest

from prm_gym.lm.batching import length_sorted, packed, padding_share


@pytest.mark.parametrize("seed", range(20))
def test_every_sequence_is_in_one_batch_within_the_budget(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 300, rng.integers(0, 200)).tolist()
    budget = int(rng.integers(1, 2000))
    for batches in (length_sorted(lengths, budget), packed(lengths, budget)):
        assert sorted(at for batch in batches for at in batch) == list(range(len(lengths)))
        assert all(batches)
    assert all(len(batch) == 1 or len(batch) * max(lengths[at] for at in batch) <= budget for batch in length_sorted(lengths, budget))
    assert all(len(row) == 1 or sum(lengths[at] for at in row) <= budget for row in packed(lengths, budget))


def test_little_of_sorted_batches_is_padding():
    # Lengths as of solutions: log-normal, 50 to 2,500 tokens. In order of arrival a third and more is padding.
    rng = np.random.default_rng(1)
    lengths = np.clip(np.exp(rng.normal(5.6, 0.6, 500)), 50, 2500).astype(int).tolist()
    arrival = [list(range(start, min(start + 16, 500))) for start in range(0, 500, 16)]
    assert padding_share(lengths, arrival) > 0.35
    assert padding_share(lengths, length_sorted(lengths, 16_384)) < 0.10
    rows = packed(lengths, 4096)
    assert sum(lengths) / (len(rows) * 4096) > 0.95


def test_padding_by_hand():
    # two rows of three places, five of them taken
    assert padding_share([3, 2], [[0, 1]]) == pytest.approx(1 / 6)
    assert padding_share([], []) == 0.0
