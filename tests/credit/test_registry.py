import importlib
from importlib.metadata import entry_points
from typing import Literal

import numpy as np
import pytest

import prm_gym.credit
from prm_gym.credit import ASSIGNERS, Assigner, StepBatch, assign, assigner, find_assigner, gigpo
from prm_gym.errors import ContractError, CreditError, OptionError, UnknownNameError
from prm_gym.plugins import Registry

OURS = [
    "adca",
    "dr_grpo",
    "gae",
    "gigpo",
    "gpg",
    "graft",
    "graph_gpo",
    "grpo",
    "grpo_ps",
    "hgpo",
    "igpo",
    "istar",
    "key_steps",
    "math_shepherd",
    "omega_prm",
    "opo",
    "p_grpo",
    "pass_at_k",
    "prime",
    "prof_grpo",
    "pure",
    "rebel",
    "reinforce",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "remax",
    "renorm",
    "reward_flow",
    "rloo",
    "rtmc",
    "salt",
    "siop",
    "slate",
    "spa",
    "spae",
    "spo",
    "srgpo",
    "step_grpo",
    "tree_grpo",
    "tree_ps",
    "tree_rl",
    "trust_grpo",
    "turning_points",
    "vineppo",
    "vsrm",
]
BATCH = StepBatch([0.0, 1.0, 0.0], [0, 2, 3], ["g", "g"], [1.0, 0.0], [False, False], {"state_key": ["s", "u", "s"]})


def test_these_are_all_that_we_bring():
    assert sorted(point.name for point in entry_points(group="prm_gym.credit") if point.value.startswith("prm_gym.")) == OURS


@pytest.mark.parametrize("name", OURS)
def test_ours_are_registered_under_their_own_names(name):
    assert name in ASSIGNERS.names()
    loaded = ASSIGNERS.load(name)
    assert isinstance(loaded, Assigner)
    assert loaded is getattr(prm_gym.credit, name)
    assert loaded.name == name


def test_assigning_by_name_is_calling_the_function():
    called = gigpo(BATCH, gamma=0.5).advantages
    assert np.array_equal(assign("gigpo", BATCH, gamma=0.5).advantages, called)
    assert np.array_equal(assign(gigpo, BATCH, gamma=0.5).advantages, called)


def test_an_unknown_name_gets_the_near_miss():
    with pytest.raises(UnknownNameError, match=r"no credit assigner named 'gipgo'. Did you mean 'gigpo'\?"):
        assign("gipgo", BATCH)


def test_an_unknown_option_gets_the_near_miss_and_the_list():
    with pytest.raises(OptionError, match=r"'gigpo' has no option 'step_wieght'. Did you mean 'step_weight'\? Its options: gamma=0.95, step_weight=1.0"):
        assign("gigpo", BATCH, step_wieght=0.5)


def test_a_missing_column_is_named():
    with pytest.raises(CreditError, match="the batch lacks action_key, next_state_key"):
        assign("salt", BATCH)


def test_third_parties_register_their_own(monkeypatch):
    # A registry of our own, so that the real one stays as the other tests expect it.
    registry = Registry("prm_gym.credit", "credit assigner")
    monkeypatch.setattr(importlib.import_module("prm_gym.credit.registry"), "ASSIGNERS", registry)

    @assigner(needs=("state_key",))
    def twice(batch, *, factor=2.0):
        """GiGPO, louder."""
        credit = gigpo(batch)
        return prm_gym.credit.Credit(factor * credit.advantages, credit.returns, credit.keep, {})

    registry.register("twice", twice)
    np.testing.assert_allclose(assign("twice", BATCH, factor=3.0).advantages, 3.0 * gigpo(BATCH).advantages)

    registry.register("bare", lambda batch: None)
    with pytest.raises(ContractError, match=r"'bare' .* must be an Assigner"):
        assign("bare", BATCH)


def test_options_in_a_specification_are_those_beside_it():
    batch = StepBatch([0, 0, 1], [0, 3], ["task"], [1], [False])
    said = assign("reinforce?gamma=0.5", batch)
    assert said.advantages.tolist() == assign("reinforce", batch, gamma=0.5).advantages.tolist() == [0.25, 0.5, 1.0]
    assert find_assigner("gigpo?step_weight=0.5")[1] == {"step_weight": 0.5}
    with pytest.raises(OptionError, match=r"gamma .* stands in the specification and beside it"):
        assign("reinforce?gamma=0.5", batch, gamma=0.9)
    with pytest.raises(OptionError, match="gamma"):
        find_assigner("reinforce?gama=0.5")


def test_a_word_may_be_chosen_where_another_type_stands_too():
    @assigner(needs=())
    def choosing(batch, *, weight: Literal["auto"] | float = "auto", factors: Literal["none"] | list[float] = "none"):
        """Of words and numbers."""
        return gigpo(batch)

    for option, value in (("weight", 1), ("weight", np.float64(2.0)), ("weight", "auto"), ("factors", [0.5])):
        choosing.require_known({option: value})
    with pytest.raises(OptionError, match="weight"):
        choosing.require_known({"weight": "automatic"})
