"""Pipelines: what their parts see, what they need, and what is refused."""

import importlib
import pickle

import numpy as np
import pytest

from prm_gym.credit import (
    Credit,
    Pipeline,
    StepBatch,
    assign,
    batch_transform,
    credit_transform,
    find_assigner,
    find_transform,
    gigpo,
    grpo,
    key_array,
    reinforce,
    trajectory_filter,
)
from prm_gym.credit.pipeline import Part, assign_kept, selected
from prm_gym.errors import ContractError, CreditError, DuplicateNameError, OptionError, UnknownNameError
from prm_gym.plugins import Registry

# Task a: outcomes 1 and 0; task b: 1 and 1; steps 2, 1, 1, 2.
BATCH = StepBatch(
    [0, 1, 0, 1, 0, 1],
    [0, 2, 3, 4, 6],
    ["a", "a", "b", "b"],
    [1, 0, 1, 1],
    [False] * 4,
    {"score": np.array([0.5, 1.0, 0.25, 0.75, 0.25, 0.25]), "entropy": np.array([1.0, 1.0, 2.0, 0.5, 0.5, 0.5]), "state_key": np.arange(6)},
)


@batch_transform(needs=("score",), makes=("doubled_score",))
def doubled(batch, *, factor=2.0, eps=0.0):
    """Makes a column."""
    return batch.with_columns({"doubled_score": factor * batch.numbers("score") + eps})


@batch_transform(needs=("doubled_score",), uses=("value",))
def paid(batch, *, training_step=0):
    """Takes it for the rewards, and adds the training step."""
    return StepBatch(batch.numbers("doubled_score") + training_step, batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, batch.columns)


@trajectory_filter()
def successes(batch, *, least=1.0):
    """Keeps what came out right."""
    return batch.outcomes >= least


@credit_transform(uses=("entropy",))
def scaled(batch, credit, *, factor=10.0):
    """Multiplies."""
    return Credit(factor * credit.advantages, credit.returns, credit.keep, {"steps": float(batch.rewards.size)})


@pytest.fixture(autouse=True)
def transforms(monkeypatch):
    registry = Registry("prm_gym.credit_transforms", "credit transform")
    for stage in (doubled, paid, successes, scaled):
        registry.register(stage.name, stage)
    monkeypatch.setattr(importlib.import_module("prm_gym.credit.registry"), "TRANSFORMS", registry)
    return registry


def test_parts_come_one_after_the_other():
    # Rewards become twice the scores: 1, 2, .5, 1.5, .5, .5; the returns-to-go of gamma 1 are 3, 2, .5, 1.5, 1, .5; ten times that.
    credit = assign("doubled | paid | reinforce | scaled", BATCH)
    assert credit.advantages.tolist() == [30.0, 20.0, 5.0, 15.0, 10.0, 5.0]
    assert credit.diagnostics == {"steps": 6.0}
    assert assign("doubled?factor=4|paid|reinforce?gamma=0|scaled?factor=1", BATCH).advantages.tolist() == [2.0, 4.0, 1.0, 3.0, 1.0, 1.0]


def test_what_a_pipeline_needs_is_what_no_part_makes():
    pipeline, given = find_assigner("doubled|paid|gigpo|scaled")
    assert isinstance(pipeline, Pipeline)
    assert given == {}
    assert pipeline.needs == ("score", "state_key")
    assert pipeline.uses == ("value", "entropy")
    assert repr(pipeline) == "Pipeline('doubled|paid|gigpo|scaled', needs=('score', 'state_key'))"
    with pytest.raises(CreditError, match="batch transform 'doubled' needs the columns score; the batch lacks score"):
        assign("doubled|grpo", StepBatch([1.0], [0, 1], ["a"], [1], [False]))


def test_a_filter_is_a_smaller_batch_for_all_that_follows():
    # Left: trajectories 0, 2 and 3. Of task a one is left, which gets its raw reward 1 / (1 + eps); of b both earn 1, so 0.
    credit = assign("successes|grpo?eps=0|scaled", BATCH)
    assert credit.advantages.tolist() == [10.0, 10.0, 0.0, 0.0, 0.0, 0.0]
    assert credit.keep.tolist() == [True, True, False, True, True, True]
    assert credit.diagnostics == {"steps": 5.0, "dropped_share": pytest.approx(1 / 6)}
    assert credit.returns.tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    same = assign_kept(BATCH, np.array([True, False, True, True]), lambda batch: grpo(batch, eps=0.0))
    assert np.array_equal(10 * same.advantages, credit.advantages)


def test_a_filter_may_leave_nothing_or_everything(make_batch):
    nothing = assign("successes?least=2|grpo", BATCH)
    assert not nothing.keep.any()
    assert nothing.diagnostics["dropped_share"] == 1.0
    batch = make_batch(3)
    everything = assign("successes?least=0|gigpo", batch)
    assert np.array_equal(everything.advantages, gigpo(batch).advantages)
    assert everything.keep.all()
    empty = StepBatch([], [0], [], [], [])
    assert assign("successes|grpo", empty).diagnostics["dropped_share"] == 0.0


def test_selection_is_a_loop_over_the_trajectories(make_batch):
    batch, chosen = make_batch(8), np.array([5, 0, 3])
    part, rows = selected(batch, chosen)
    expected = [row for i in chosen for row in range(batch.offsets[i], batch.offsets[i + 1])]
    assert rows.tolist() == expected
    assert part.lengths.tolist() == batch.lengths[chosen].tolist()
    assert part.column("state_key").tolist() == [batch.column("state_key")[row] for row in expected]
    assert part.group_ids.tolist() == batch.group_ids[chosen].tolist()


def test_branches_are_renumbered_and_none_loses_its_stem():
    # Trajectory 2 (row 3) branched off after row 1, of trajectory 0; trajectory 3 (row 4) after row 2, of trajectory 1.
    batch = BATCH.with_columns({"parent": np.array([-1, -1, -1, 1, 2, -1])})
    part, _ = selected(batch, np.array([0, 2]))
    assert part.column("parent").tolist() == [-1, -1, 1]
    with pytest.raises(CreditError, match="leaves out trajectories from which those in row 4 branched off"):
        selected(batch, np.array([0, 3]))
    # A list is as good as an array, and what is no row is not taken for one.
    for parents in ([-1, -1, -1, 1, 2, -1], np.array([-1.0, -1, -1, 1, 2, -1])):
        part, _ = selected(BATCH.with_columns({"parent": key_array(parents)}), np.array([0, 2]))
        assert part.column("parent").tolist() == [-1, -1, 1]
    for wrong in (-2, 6):
        with pytest.raises(CreditError, match=r"must be a row in \[0, 6\), or -1; it is not so in row 3"):
            selected(BATCH.with_columns({"parent": np.array([-1, -1, -1, wrong, 2, -1])}), np.array([0, 2]))


def test_options_beside_the_specification_find_their_part():
    assert assign("successes|reinforce|scaled", BATCH, gamma=0.0, least=0.0).advantages.tolist() == (10 * BATCH.rewards).tolist()
    assert assign("doubled|paid|reinforce", BATCH, training_step=1, gamma=0.0).advantages.tolist() == (2 * BATCH.numbers("score") + 1).tolist()
    with pytest.raises(OptionError, match=r"factor is an option of doubled and scaled; say in the specification"):
        assign("doubled|grpo|scaled", BATCH, factor=1.0)
    # One of the two has its own: what stands beside the specification is the other's.
    spec = assign("doubled?factor=3|grpo|scaled", BATCH, factor=1.0).advantages
    assert np.array_equal(spec, assign("doubled?factor=3|grpo|scaled?factor=1", BATCH).advantages)
    with pytest.raises(OptionError, match=r"gamma stands in the specification 'reinforce\?gamma=0.5\|scaled' and beside it"):
        assign("reinforce?gamma=0.5|scaled", BATCH, gamma=0.5)
    with pytest.raises(OptionError, match=r"No part of .* has an option 'gama'. Did you mean 'gamma'\?"):
        assign("reinforce|scaled", BATCH, gama=0.5)
    assert dict(find_assigner("successes|reinforce?gamma=1|scaled")[0].options) == {"least": 1.0, "baseline": "none", "factor": 10.0}


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("grpo|", OptionError, "a part without a name"),
        ("grpo|gigpo", OptionError, "must hold one credit assigner, got grpo, gigpo"),
        ("doubled|scaled", OptionError, "must hold one credit assigner, got none"),
        ("scaled|grpo", OptionError, "credit transform 'scaled' stands before the assigner in 'scaled|grpo'; put it after 'grpo'"),
        ("grpo|successes", OptionError, "trajectory filter 'successes' stands after the assigner .* put it before 'grpo'"),
        ("grpo|doubled", OptionError, "batch transform 'doubled' stands after the assigner"),
        ("scaled", OptionError, "'scaled' is a credit transform, which assigns nothing by itself; .* 'grpo|scaled'"),
        ("successes?least=0", OptionError, "'successes' is a trajectory filter, .* 'successes.least=0|grpo'"),
        ("grpo|scale", UnknownNameError, "no credit assigner or transform named 'scale'. Did you mean 'scaled'"),
        ("grpo|scaled?factr=1", OptionError, "'scaled' has no option 'factr'. Did you mean 'factor'"),
        ("reinforce?gamma=half", OptionError, "gamma of the credit assigner 'reinforce' is a number, got 'half'"),
    ],
)
def test_what_is_no_pipeline_is_refused(spec, error, message):
    with pytest.raises(error, match=message):
        find_assigner(spec)


def test_errors_of_a_part_name_it():
    with pytest.raises(OptionError, match=r"The credit assigner 'reinforce' of 'successes\|reinforce\?gamma=2': gamma must be in \[0, 1\], got 2"):
        assign("successes|reinforce?gamma=2", BATCH)


def test_a_name_in_both_registries_is_refused(transforms):
    transforms.register("grpo", doubled)
    with pytest.raises(DuplicateNameError, match="'grpo' is registered as a credit assigner and as a credit transform"):
        find_assigner("grpo|scaled")


def test_parts_that_break_their_contract_are_refused(transforms):
    @batch_transform(makes=("riddle",))
    def forgetful(batch):
        """Makes nothing."""
        return batch

    @batch_transform()
    def shortening(batch):
        """Drops steps."""
        return StepBatch([1.0], [0, 1], ["a"], [1], [False])

    @trajectory_filter()
    def per_step(batch):
        """One entry a step."""
        return batch.rewards > 0

    @credit_transform()
    def undefined(batch, credit):
        """NaN."""
        return Credit(np.full(batch.rewards.size, np.nan), credit.returns, credit.keep, {})

    for stage, message in (
        (forgetful, "said to make the columns riddle, and has not"),
        (shortening, "must return the same steps; what drops trajectories is a trajectory_filter"),
        (per_step, r"must return \[4\] bool, got bool of shape \(6,\)"),
        (undefined, "credit transform 'undefined' must return finite advantages"),
    ):
        parts = [Part(grpo), Part(stage)] if stage is undefined else [Part(stage), Part(grpo)]
        with pytest.raises(ContractError, match=message):
            Pipeline("test", parts)(BATCH)
    transforms.register("bare", len)
    with pytest.raises(ContractError, match=r"'bare' of the group 'prm_gym\.credit_transforms' must be decorated"):
        find_transform("bare")
    with pytest.raises(ContractError, match="must take 'limit' as a keyword only"):

        @credit_transform()
        def positional(batch, credit, limit=1.0):
            """Summary."""
            return credit


def test_a_pipeline_can_be_sent_to_another_process():
    pipeline = Pipeline("gigpo?gamma=0.5|whiten", [Part(gigpo, {"gamma": 0.5}), Part(importlib.import_module("prm_gym.credit.transforms").whiten)])
    again = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(again(BATCH).advantages, pipeline(BATCH).advantages)
    assert again.parts[0].stage is gigpo


def test_an_assigner_alone_is_no_pipeline():
    assert find_assigner("reinforce?gamma=0.5") == (reinforce, {"gamma": 0.5})
