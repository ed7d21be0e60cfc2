import math

import pytest

torch = pytest.importorskip("torch")

from prm_gym.errors import OptionError  # noqa: E402
from prm_gym.lm.sampling import Sampling, drawn, log_distribution  # noqa: E402

# Probabilities 1/2, 1/4, 1/8, 1/8 in the order 2, 0, 3, 1.
LOGITS = torch.log(torch.tensor([[0.25, 0.125, 0.5, 0.125]]))


def shares(**options):
    return log_distribution(LOGITS, Sampling(**options)).exp()[0].tolist()


def test_distributions_by_hand():
    assert shares() == pytest.approx([0.25, 0.125, 0.5, 0.125])
    # Halved logits: square roots, 0.5, 0.354, 0.707, 0.354, over their sum.
    roots = [math.sqrt(share) for share in (0.25, 0.125, 0.5, 0.125)]
    assert shares(temperature=2.0) == pytest.approx([root / sum(roots) for root in roots])
    assert shares(top_k=2) == pytest.approx([1 / 3, 0.0, 2 / 3, 0.0])
    assert shares(top_k=3) == pytest.approx([0.25, 0.125, 0.5, 0.125])  # a tie for the third place: both are kept
    assert shares(top_k=9) == pytest.approx([0.25, 0.125, 0.5, 0.125])
    assert shares(top_p=0.5) == pytest.approx([0.0, 0.0, 1.0, 0.0])  # the first alone has the share
    assert shares(top_p=0.51) == pytest.approx([1 / 3, 0.0, 2 / 3, 0.0])
    assert shares(top_p=1e-9) == pytest.approx([0.0, 0.0, 1.0, 0.0])
    # Of the two most probable tokens, 2/3 and 1/3, the first has 0.6.
    assert shares(top_k=2, top_p=0.6) == pytest.approx([0.0, 0.0, 1.0, 0.0])


def test_draws_fall_where_the_cumulated_share_says():
    numbers = torch.tensor([0.0, 0.2499, 0.25, 0.374, 0.3751, 0.874, 0.8751, 1.0 - 2.0**-53], dtype=torch.float64)
    found = drawn(log_distribution(LOGITS.double(), Sampling()).expand(len(numbers), -1), numbers)
    assert found.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    cut = log_distribution(LOGITS, Sampling(top_k=2)).expand(2, -1)
    assert drawn(cut, torch.tensor([1 / 3 + 1e-6, 1.0 - 2.0**-53], dtype=torch.float64)).tolist() == [2, 2]  # never one of probability 0


def test_draws_are_as_frequent_as_they_are_probable():
    # Numbers that lie evenly: a share is met but for one of them at each of its ends.
    numbers = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    found = drawn(log_distribution(LOGITS, Sampling()).expand(40_000, -1), numbers)
    counts = torch.bincount(found, minlength=4) / 40_000
    assert torch.allclose(counts, LOGITS.exp()[0], atol=5.1e-5)


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"temperature": float("inf")}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_what_is_no_distribution_is_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        Sampling(**options)
