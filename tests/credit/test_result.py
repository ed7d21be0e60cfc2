import numpy as np
import pytest

from prm_gym.credit import Credit
from prm_gym.errors import ContractError


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ContractError, match=r"must be \[N\], one entry a step"):
        Credit(np.zeros(3), np.zeros(2), np.ones(3, dtype=bool), {})
    with pytest.raises(ContractError, match=r"must be \[N\], one entry a step"):
        Credit(np.zeros((3, 1)), np.zeros((3, 1)), np.ones((3, 1), dtype=bool), {})
