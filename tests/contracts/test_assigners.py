"""Every assigner of ours keeps its contract."""

import tomllib
from pathlib import Path

import pytest

from prm_gym.credit import ASSIGNERS, StepBatch
from prm_gym.errors import ContractError
from prm_gym.testing import check_assigner

ROOT = Path(__file__).parents[2]
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS["prm_gym.credit"]))
def test_assigners(name):
    assert name in ASSIGNERS.names()
    check_assigner(name)


def test_an_assigner_on_a_batch_of_ones_own():
    batch = StepBatch([0.0, 1.0, 0.0], [0, 2, 3], ["g", "g"], [1.0, 0.0], [False, False], {"state_key": ["s", "u", "s"]})
    check_assigner("gigpo", batch)
    with pytest.raises(ContractError, match=r"a batch with the columns .* none called \['action_key', 'next_state_key'\]"):
        check_assigner("salt", batch)
