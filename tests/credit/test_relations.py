"""Relations between the assigners, and between their answers to related batches; none of them needs a reference."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.credit import (
    StepBatch,
    adca,
    assign,
    dr_grpo,
    gae,
    gigpo,
    gpg,
    graft,
    graph_gpo,
    grpo,
    grpo_ps,
    hgpo,
    igpo,
    istar,
    key_array,
    key_steps,
    omega_prm,
    opo,
    pass_at_k,
    prime,
    pure,
    rebel,
    reinforce,
    reinforce_pp,
    reinforce_pp_baseline,
    renorm,
    reward_flow,
    rloo,
    rtmc,
    salt,
    siop,
    slate,
    spa,
    spae,
    spo,
    srgpo,
    step_grpo,
    tree_grpo,
    tree_rl,
    turning_points,
    vineppo,
    vsrm,
)

# Quarters are exact in binary, so that sums of rewards carry no rounding of their own.
REWARDS = st.integers(-8, 8).map(lambda quarters: quarters / 4)


def flat(batch):
    """As a tree without branches."""
    return batch.with_columns({"parent": np.full(batch.rewards.size, -1)})


def rolled_out(batch):
    """With values by the place of a step in its trajectory."""
    return batch.with_columns({"mc_value": batch.time_of_step / 4})


ALL = [
    ("reinforce", lambda batch: reinforce(batch, gamma=0.9)),
    ("reinforce, baseline", lambda batch: reinforce(batch, gamma=0.9, baseline="batch")),
    ("rloo", rloo),
    ("grpo", grpo),
    ("dr_grpo", dr_grpo),
    ("gigpo", gigpo),
    ("gigpo, std", lambda batch: gigpo(batch, normalize="mean_std")),
    ("gigpo, per row", lambda batch: gigpo(batch, episode_baseline="per_row")),
    ("salt", salt),
    ("salt, history", lambda batch: salt(batch, base="rloo", history_length=1)),
    ("adca", adca),
    ("adca, allocation", lambda batch: adca(batch, scheme="allocation")),
    ("grpo_ps", grpo_ps),
    ("igpo", igpo),
    ("igpo, separate", lambda batch: igpo(batch, normalize="separate", gain="log")),
    ("key_steps", key_steps),
    ("pure", pure),
    ("renorm", renorm),
    ("siop", siop),
    ("spae", spae),
    ("step_grpo", step_grpo),
    ("turning_points", turning_points),
    ("turning_points, bonus", lambda batch: turning_points(batch, rule="bonus", consistent=False, compare="task")),
    ("vsrm", vsrm),
    ("reinforce_pp", lambda batch: reinforce_pp(batch, gamma=0.9)),
    ("reinforce_pp_baseline", reinforce_pp_baseline),
    ("opo", opo),
    ("gpg", gpg),
    ("pass_at_k", pass_at_k),
    ("pass_at_k, group", lambda batch: pass_at_k(batch, k=2, baseline="group")),
    ("zero_variance|gigpo|whiten", lambda batch: assign("zero_variance|gigpo|whiten|clip?limit=2", batch)),
    ("omega_prm", lambda batch: omega_prm(rolled_out(batch))),
    ("slate", lambda batch: slate(flat(batch))),
    ("spo", lambda batch: spo(flat(batch))),
    ("tree_grpo", lambda batch: tree_grpo(flat(batch))),
    ("tree_rl", lambda batch: tree_rl(flat(batch))),
    ("vineppo", lambda batch: vineppo(rolled_out(batch))),
    ("graft", lambda batch: graft(batch, gamma=0.9)),
    ("graft, lambda", lambda batch: graft(batch, gamma=0.9, lam=0.5, normalize=False)),
    ("graph_gpo", lambda batch: graph_gpo(batch, omega=0.5)),
    ("hgpo", hgpo),
    ("hgpo, mean", lambda batch: hgpo(batch, history_length=1, normalize="mean", base_group=True)),
    ("rebel", lambda batch: rebel(batch.with_columns({"belief_key": batch.column("state_key"), "belief_reward": -batch.rewards}))),
    ("reward_flow", reward_flow),
    ("rtmc", rtmc),
    ("srgpo, one group", lambda batch: srgpo(batch, group_size=10**6)),
    ("gae", gae),
    ("istar", istar),
    ("prime", prime),
    ("spa", spa),
]
NUMBERS = ("value", "bootstrap_value", "implicit_reward", "progress")
# The same answer up to the order of summation; a division by the standard deviation of near-equal returns magnifies that a little.
CLOSE = {"rtol": 1e-9, "atol": 1e-10}

relation = settings(derandomize=True, deadline=None, max_examples=40, database=None)
every_assigner = pytest.mark.parametrize("assigner", [function for _, function in ALL], ids=[name for name, _ in ALL])


@st.composite
def batches(draw, shared_states=True, longest=5):
    trajectories = draw(st.lists(st.tuples(st.integers(0, 2), st.lists(REWARDS, min_size=1, max_size=longest)), min_size=1, max_size=8))
    lengths = [len(rewards) for _, rewards in trajectories]
    steps = sum(lengths)
    places = draw(st.lists(st.integers(0, 2), min_size=steps, max_size=steps)) if shared_states else range(steps)
    numbers = {name: np.array(draw(st.lists(REWARDS, min_size=steps, max_size=steps))) for name in NUMBERS}
    for name in ("value", "implicit_reward"):  # a model may have nothing to say of a step
        numbers[name][draw(st.lists(st.integers(0, 5), min_size=steps, max_size=steps).map(lambda drawn: np.array(drawn) == 0))] = np.nan
    return StepBatch(
        np.array([reward for _, rewards in trajectories for reward in rewards]),
        np.cumsum([0, *lengths]),
        key_array(f"task {task}" for task, _ in trajectories),
        np.zeros(len(lengths)),
        np.zeros(len(lengths), dtype=bool),
        {"state_key": key_array(places), "action_key": key_array(place % 2 for place in places), "next_state_key": key_array(places)}
        | said_of([reward for _, rewards in trajectories for reward in rewards], np.repeat(np.arange(len(lengths)), lengths))
        | numbers,
    )


def said_of(rewards, owner):
    """What is said of the steps, made out of the quarters of the rewards; each thing is not known for one value of them."""
    quarters = np.floor(np.array(rewards, dtype=float) * 4)
    columns = {
        name: np.where(quarters == shift - 4, np.nan, (quarters + shift) % 5 / 4)
        for shift, name in enumerate(("score", "potential", "final_potential", "mc_value"))
    }
    answers = key_array(("yes", "no", None)[place % 3] for place in owner.tolist())
    return columns | {"value": quarters % 3, "label": np.where(quarters == 1, np.nan, quarters % 2), "answer_key": answers}


def changed(batch, **changes):
    fields = {name: getattr(batch, name) for name in ("rewards", "offsets", "group_ids", "outcomes", "truncated", "columns")}
    return StepBatch(**{**fields, **changes})


def taken(batch, order):
    """The batch of the trajectories in that order, and the rows they come from."""
    rows = np.concatenate([np.arange(batch.offsets[i], batch.offsets[i + 1]) for i in order])
    picked = changed(
        batch,
        rewards=batch.rewards[rows],
        offsets=np.cumsum([0, *(int(batch.lengths[i]) for i in order)]),
        group_ids=batch.group_ids[order],
        outcomes=batch.outcomes[order],
        truncated=batch.truncated[order],
        columns={name: column[rows] for name, column in batch.columns.items()},
    )
    return picked, rows


def with_terminal_bonus(batch, bonus):
    rewards = batch.rewards.copy()
    rewards[batch.offsets[1:] - 1] += bonus
    return changed(batch, rewards=rewards)


@every_assigner
@relation
@given(batch=batches(), data=st.data())
def test_permuting_the_trajectories_permutes_the_advantages(assigner, batch, data):
    order = data.draw(st.permutations(range(len(batch.group_ids))))
    permuted, rows = taken(batch, list(order))
    np.testing.assert_allclose(assigner(permuted).advantages, assigner(batch).advantages[rows], **CLOSE)


@pytest.mark.parametrize(
    "assigner",
    [
        rloo,
        grpo,
        dr_grpo,
        gigpo,
        salt,
        adca,
        grpo_ps,
        igpo,
        key_steps,
        pure,
        renorm,
        siop,
        step_grpo,
        turning_points,
        opo,
        pass_at_k,
        gae,
        istar,
        spa,
        lambda batch: graft(batch, gamma=0.9),
        graph_gpo,
        hgpo,
        reward_flow,
        rtmc,
    ],
    ids=lambda assigner: getattr(assigner, "name", "graft"),
)
@relation
@given(batch=batches())
def test_a_task_does_not_see_the_other_tasks(assigner, batch):
    credit = assigner(batch)
    for task in set(batch.group_ids.tolist()):
        alone, rows = taken(batch, [i for i, group in enumerate(batch.group_ids) if group == task])
        np.testing.assert_allclose(assigner(alone).advantages, credit.advantages[rows], **CLOSE)


@pytest.mark.parametrize(
    "assigner",
    [
        lambda batch: grpo(batch, singleton="zero"),
        lambda batch: dr_grpo(batch, singleton="zero"),
        lambda batch: rloo(batch, singleton="zero"),
        lambda batch: gigpo(batch, gamma=1.0, episode_baseline="per_row"),
        lambda batch: gigpo(batch, gamma=1.0, normalize="mean_std", episode_baseline="per_row"),
        lambda batch: reinforce(batch, baseline="batch"),
        adca,
        lambda batch: igpo(batch, normalize="separate"),
        key_steps,
        pure,
        lambda batch: spae(batch, whiten=False),
        reinforce_pp,
        lambda batch: reinforce_pp_baseline(batch, singleton="zero"),
        lambda batch: opo(batch, singleton="zero"),
        pass_at_k,
        lambda batch: pass_at_k(batch, k=2, baseline="group"),
        lambda batch: gpg(batch, counted="informative", singleton="zero"),
        lambda batch: spo(flat(batch)),
        lambda batch: tree_grpo(flat(batch), singleton="zero"),
        lambda batch: tree_rl(flat(batch)),
        rtmc,
        lambda batch: hgpo(batch, gamma=1.0),
    ],
    ids=[
        "grpo",
        "dr_grpo",
        "rloo",
        "gigpo",
        "gigpo, std",
        "reinforce",
        "adca",
        "igpo",
        "key_steps",
        "pure",
        "spae",
        "reinforce_pp",
        "reinforce_pp_baseline",
        "opo",
        "pass_at_k",
        "group",
        "gpg",
        "spo",
        "tree_grpo",
        "tree_rl",
        "rtmc",
        "hgpo",
    ],
)
@relation
@given(batch=batches(), bonus=REWARDS)
def test_a_bonus_for_everybody_changes_nothing(assigner, batch, bonus):
    # Without discount a bonus on the last reward moves every return of the batch by the same amount. Doubled trajectories: no group of one.
    batch, _ = taken(batch, [*range(len(batch.group_ids))] * 2)
    np.testing.assert_allclose(assigner(with_terminal_bonus(batch, bonus)).advantages, assigner(batch).advantages, **CLOSE)


@pytest.mark.parametrize(
    "assigner",
    [
        adca,
        lambda batch: adca(batch, scheme="allocation"),
        lambda batch: grpo_ps(batch, ddof=0),
        lambda batch: key_steps(batch, ddof=0, singleton="zero"),
        siop,
        lambda batch: spae(batch, whiten=False, singleton="zero"),
        lambda batch: step_grpo(batch, ddof=0, singleton="zero"),
        turning_points,
        lambda batch: turning_points(batch, rule="bonus", compare="task"),
    ],
    ids=["adca", "adca, allocation", "grpo_ps", "key_steps", "siop", "spae", "step_grpo", "turning_points", "turning_points, bonus"],
)
@relation
@given(batch=batches())
def test_doubling_every_attempt_changes_nothing(assigner, batch):
    # Means, populations' standard deviations, extremes and shares of answers stay as they are.
    doubled, rows = taken(batch, [*range(len(batch.group_ids))] * 2)
    np.testing.assert_allclose(assigner(doubled).advantages, assigner(batch).advantages[rows], **CLOSE)


@relation
@given(batch=batches())
def test_what_failed_attempts_are_paid_is_never_positive(batch):
    # ReNorm, values of 0: returns of a failed attempt are sums of what is at most 0; the outcomes of these batches are all 0.
    blind = batch.with_columns({"value": np.zeros(batch.rewards.size)})
    assert (renorm(blind, lam=1.0).advantages <= 0.0).all()


@pytest.mark.parametrize(
    "assigner",
    [
        reinforce,
        rloo,
        dr_grpo,
        gigpo,
        lambda batch: salt(batch, base="rloo"),
        rtmc,
        lambda batch: graft(batch, gamma=0.9, lam=0.5, normalize=False),
        lambda batch: hgpo(batch, normalize="mean"),
        lambda batch: srgpo(batch, normalize="mean"),
        opo,
        gpg,
    ],
    ids=["reinforce", "rloo", "dr_grpo", "gigpo", "salt", "rtmc", "graft", "hgpo", "srgpo", "opo", "gpg"],
)
@relation
@given(batch=batches(), factor=st.sampled_from([-2.0, 0.25, 3.0]))
def test_scaled_rewards_scale_the_advantages(assigner, batch, factor):
    scaled = changed(batch, rewards=factor * batch.rewards)
    np.testing.assert_allclose(assigner(scaled).advantages, factor * assigner(batch).advantages, **CLOSE)


@relation
@given(batch=batches(), factor=st.sampled_from([0.25, 3.0]))
def test_the_scale_of_the_rewards_cancels_against_the_standard_deviation(batch, factor):
    scaled = changed(batch, rewards=factor * batch.rewards)
    for assigner in (lambda b: grpo(b, eps=0.0, singleton="zero"), lambda b: gigpo(b, normalize="mean_std", step_weight=2.0, eps=0.0)):
        several = np.bincount(np.unique(batch.group_ids.tolist(), return_inverse=True)[1]) > 1
        shown = several[np.unique(batch.group_ids.tolist(), return_inverse=True)[1]][batch.trajectory_of_step]  # a lone attempt gets its raw reward
        np.testing.assert_allclose(assigner(scaled).advantages[shown], assigner(batch).advantages[shown], **CLOSE)


@relation
@given(batch=batches())
def test_rloo_is_dr_grpo_stretched(batch):
    groups = batch.group_ids.tolist()
    sizes = np.array([groups.count(group) for group in groups])[batch.trajectory_of_step]
    stretch = sizes / np.maximum(sizes - 1, 1)
    np.testing.assert_allclose(rloo(batch).advantages, stretch * dr_grpo(batch).advantages, rtol=1e-14, atol=0.0)


@relation
@given(batch=batches())
def test_gigpo_without_its_step_term_is_grpo_exactly(batch):
    assert np.array_equal(gigpo(batch, step_weight=0.0).advantages, dr_grpo(batch).advantages)
    assert np.array_equal(gigpo(batch, step_weight=0.0, normalize="mean_std").advantages, grpo(batch).advantages)


@relation
@given(batch=batches(), weight=st.sampled_from([-1.0, 0.5, 2.0]))
def test_gigpo_is_linear_in_the_step_weight(batch, weight):
    none, one = gigpo(batch, step_weight=0.0).advantages, gigpo(batch, step_weight=1.0).advantages
    np.testing.assert_allclose(gigpo(batch, step_weight=weight).advantages, none + weight * (one - none), **CLOSE)


@relation
@given(batch=batches(longest=1))
def test_in_a_bandit_the_step_groups_are_the_episode_groups(batch):
    # One step each, all in the state s: G = R and S = g. A group of one differs: its episode term is raw, its step term 0.
    bandit = changed(batch, columns={"state_key": key_array(["s"] * batch.rewards.size)})
    groups = bandit.group_ids.tolist()
    weight = np.array([1.0 if groups.count(group) == 1 else 1.5 for group in groups])
    for normalize, base in (("mean", dr_grpo), ("mean_std", grpo)):
        np.testing.assert_allclose(gigpo(bandit, step_weight=0.5, normalize=normalize).advantages, weight * base(bandit).advantages, rtol=1e-14)


@relation
@given(batch=batches())
def test_episode_advantages_sum_to_zero_over_what_they_average(batch):
    per_trajectory = gigpo(batch, step_weight=0.0).advantages[batch.offsets[:-1]]
    per_row = gigpo(batch, step_weight=0.0, episode_baseline="per_row").advantages
    groups = batch.group_ids
    for task in set(groups.tolist()):
        members = groups == task
        rows = members[batch.trajectory_of_step]
        if members.sum() > 1:
            assert per_trajectory[members].sum() == pytest.approx(0.0, abs=1e-12)
        if rows.sum() > 1:
            assert per_row[rows].sum() == pytest.approx(0.0, abs=1e-12)


@relation
@given(batch=batches())
def test_the_step_term_sums_to_zero_over_every_state(batch):
    step = gigpo(batch, step_weight=1.0).advantages - gigpo(batch, step_weight=0.0).advantages
    visits = list(zip(batch.group_ids[batch.trajectory_of_step].tolist(), batch.column("state_key").tolist(), strict=True))
    for visit in set(visits):
        assert step[[other == visit for other in visits]].sum() == pytest.approx(0.0, abs=1e-12)


@relation
@given(batch=batches(shared_states=False))
def test_salt_without_shared_edges_is_its_base_exactly(batch):
    assert np.array_equal(salt(batch).advantages, grpo(batch).advantages)
    assert np.array_equal(salt(batch, base="rloo").advantages, rloo(batch).advantages)


@relation
@given(batch=batches(), history_length=st.integers(0, 2))
def test_salt_moves_credit_within_a_task_and_makes_none(batch, history_length):
    # Every occurrence of an edge gets the mean over its occurrences, so the sum over the rows of a task stays.
    moved = salt(batch, base="rloo", history_length=history_length).advantages - rloo(batch).advantages
    task_of_step = batch.group_ids[batch.trajectory_of_step]
    for task in set(batch.group_ids.tolist()):
        assert moved[task_of_step == task].sum() == pytest.approx(0.0, abs=1e-11)


@relation
@given(batch=batches())
def test_step_terms_that_are_left_out_leave_the_episode_term_exactly(batch):
    for assigner in (graph_gpo, srgpo):
        assert np.array_equal(assigner(batch, step_weight=0.0).advantages, grpo(batch).advantages)
    assert np.array_equal(reward_flow(batch, step_weight=0.0).advantages, dr_grpo(batch).advantages)


@relation
@given(batch=batches(), lam=st.sampled_from([0.0, 0.5]))
def test_graft_sums_to_zero_over_every_state_with_company(batch, lam):
    # Centred within the state; a step that is alone there gets its sign.
    advantages = graft(batch, gamma=0.9, lam=lam).advantages
    visits = list(zip(batch.group_ids[batch.trajectory_of_step].tolist(), batch.column("state_key").tolist(), strict=True))
    for visit in set(visits):
        members = [other == visit for other in visits]
        assert advantages[members].sum() == pytest.approx(0.0, abs=1e-9) or sum(members) == 1


@relation
@given(batch=batches())
def test_doubling_every_trajectory_changes_no_value_of_the_graph(batch):
    # All counts double: policy, transitions and values stay, and so do the differences. The rows come twice.
    twice, rows = taken(batch, [*range(len(batch.group_ids))] * 2)
    plain = graft(batch, gamma=0.9, normalize=False).advantages
    np.testing.assert_allclose(graft(twice, gamma=0.9, normalize=False).advantages, plain[rows], **CLOSE)
    np.testing.assert_allclose(rtmc(twice).advantages, rtmc(batch).advantages[rows], **CLOSE)


@relation
@given(batch=batches(longest=1))
def test_identical_one_step_attempts_share_everything(batch):
    # One edge for all attempts of a task: each gets the mean of advantages that sum to zero. A lone attempt keeps its own.
    alike = changed(batch, columns={name: key_array(["same"] * batch.rewards.size) for name in ("state_key", "action_key", "next_state_key")})
    groups = alike.group_ids.tolist()
    several = np.array([groups.count(group) > 1 for group in groups])
    np.testing.assert_allclose(salt(alike, base="rloo").advantages, np.where(several, 0.0, alike.rewards), atol=1e-12)


@every_assigner
@relation
@given(batch=batches())
def test_truncated_attempts_end_with_value_zero_like_finished_ones(assigner, batch):
    cut = changed(batch, truncated=np.ones_like(batch.truncated))
    assert np.array_equal(assigner(cut).advantages, assigner(batch).advantages)


@every_assigner
def test_an_empty_batch_has_empty_credit(assigner):
    nothing = key_array([])
    columns = dict.fromkeys(("state_key", "action_key", "next_state_key"), nothing) | said_of([], np.zeros(0, dtype=int)) | dict.fromkeys(NUMBERS, np.zeros(0))
    credit = assigner(StepBatch([], [0], nothing, [], [], columns))
    assert credit.advantages.shape == credit.returns.shape == credit.keep.shape == (0,)
    assert credit.advantages.dtype == np.float64
    assert all(np.isfinite(list(credit.diagnostics.values())))


@every_assigner
def test_the_batch_is_not_written_to(assigner, make_batch):
    rng = np.random.default_rng(5)
    numbers = {name: rng.normal(size=make_batch(5).rewards.size) for name in NUMBERS}
    batch, untouched = (
        each.with_columns({**said_of(each.rewards, each.trajectory_of_step), **{name: column.copy() for name, column in numbers.items()}})
        for each in (make_batch(5), make_batch(5))
    )
    credit = assigner(batch)
    credit.advantages[:] = credit.returns[:] = 99.0
    assert np.array_equal(batch.rewards, untouched.rewards)
    assert all(str(batch.column(name).tolist()) == str(untouched.column(name).tolist()) for name in batch.columns)  # as texts: NaN is not equal to itself


@every_assigner
def test_a_quarter_of_a_million_steps_take_a_fraction_of_a_second(assigner):
    # Some hundredths of a second of processor time. Quadratic work, as the returns of verl-agent are, would take minutes.
    rng = np.random.default_rng(0)
    steps, length = 245_760, 30
    attempts = steps // length
    columns = {name: rng.integers(0, 50, steps) for name in ("state_key", "action_key", "next_state_key")}
    columns |= said_of(rng.integers(-8, 9, steps) / 4, np.repeat(np.arange(attempts), length))
    columns |= {name: rng.normal(size=steps) for name in NUMBERS}
    batch = StepBatch(rng.normal(size=steps), np.arange(attempts + 1) * length, np.arange(attempts) // 8, np.zeros(attempts), np.zeros(attempts, bool), columns)
    start = time.process_time()
    assert assigner(batch).advantages.size == steps
    assert time.process_time() - start < 1.0


@every_assigner
@relation
@given(batch=batches())
def test_only_which_keys_are_equal_matters(assigner, batch):
    # Texts for numbers, tuples for texts; equal where they were equal, and nowhere else.
    renamed = changed(
        batch,
        group_ids=key_array(("task", len(task), task) for task in batch.group_ids.tolist()),
        columns={
            name: key_array(None if key is None else f"<{key}>" for key in column.tolist()) if name.endswith("_key") else column
            for name, column in batch.columns.items()
        },
    )
    assert np.array_equal(assigner(renamed).advantages, assigner(batch).advantages)


@pytest.mark.parametrize(
    "assigner",
    [
        reinforce,
        lambda batch: reinforce(batch, baseline="batch"),
        dr_grpo,
        lambda batch: grpo(batch, ddof=0),
        gigpo,
        lambda batch: gigpo(batch, episode_baseline="per_row"),
        gae,
        spa,
    ],
    ids=["reinforce", "reinforce, baseline", "dr_grpo", "grpo, ddof 0", "gigpo", "gigpo, per row", "gae", "spa"],
)
@relation
@given(batch=batches())
def test_every_attempt_once_more_changes_nothing(assigner, batch):
    # Means do not move when every member is doubled. (A sum over the others, or a standard deviation with ddof 1, does: n - 1 is not doubled.)
    twice, _ = taken(batch, [*range(len(batch.group_ids))] * 2)
    often, _ = taken(batch, [*range(len(batch.group_ids))] * 4)
    np.testing.assert_allclose(assigner(often).advantages[: twice.rewards.size], assigner(twice).advantages, **CLOSE)


@pytest.mark.parametrize(
    "assigner",
    [grpo, dr_grpo, rloo, gigpo, lambda batch: gigpo(batch, normalize="mean_std"), salt],
    ids=["grpo", "dr_grpo", "rloo", "gigpo", "gigpo, std", "salt"],
)
@relation
@given(rewards=st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=5), copies=st.integers(2, 7))
def test_copies_of_one_attempt_teach_exactly_nothing(assigner, rewards, copies):
    # Whatever the rewards (0.1 is not exact in binary): equal members leave exactly 0, not rounding. No state comes back within the attempt.
    keys = {name: list(range(len(rewards))) * copies for name in ("state_key", "action_key", "next_state_key")}
    offsets = np.arange(copies + 1) * len(rewards)
    batch = StepBatch(rewards * copies, offsets, ["task"] * copies, [0.0] * copies, [False] * copies, keys)
    assert not assigner(batch).advantages.any()


@pytest.mark.parametrize(
    "assigner",
    [reinforce, rloo, grpo, dr_grpo, lambda batch: gigpo(batch, gamma=1.0), salt, lambda batch: salt(batch, history_length=1)],
    ids=["reinforce", "rloo", "grpo", "dr_grpo", "gigpo", "salt", "salt, history"],
)
@relation
@given(batch=batches())
def test_a_last_step_in_a_new_state_that_is_paid_nothing_changes_nothing_before_it(assigner, batch):
    ends = batch.offsets[1:]
    fresh = {name: np.insert(batch.column(name), ends, key_array(f"{name} {index}" for index in range(ends.size))) for name in ("state_key", "next_state_key")}
    columns = {**fresh, "action_key": np.insert(batch.column("action_key"), ends, 0)}
    longer = changed(batch, rewards=np.insert(batch.rewards, ends, 0.0), offsets=batch.offsets + np.arange(batch.offsets.size), columns=columns)
    before = np.ones(longer.rewards.size, dtype=bool)
    before[longer.offsets[1:] - 1] = False
    np.testing.assert_allclose(assigner(longer).advantages[before], assigner(batch).advantages, **CLOSE)


@relation
@given(batch=batches(), gamma=st.sampled_from([0.0, 0.5, 1.0]))
def test_gae_with_lambda_one_and_no_values_is_reinforce(batch, gamma):
    worthless = batch.with_columns({"value": np.zeros(batch.rewards.size)})
    np.testing.assert_allclose(gae(worthless, gamma=gamma, lam=1.0).advantages, reinforce(batch, gamma=gamma).advantages, **CLOSE)


@relation
@given(batch=batches(), lam=st.sampled_from([0.0, 0.5, 1.0]))
def test_gae_does_not_see_a_potential_that_the_critic_knows(batch, lam):
    # r + gamma Phi(s') - Phi(s) and V - Phi: every delta is the same, r + gamma V(s') - V(s), with Phi = 0 after the last step (Ng et al. 1999).
    gamma, potential = 0.5, batch.column("progress")
    value = np.nan_to_num(batch.column("value"))
    following = np.append(potential[1:], 0.0)
    following[batch.offsets[1:] - 1] = 0.0
    shaped = changed(batch, rewards=batch.rewards + gamma * following - potential).with_columns({"value": value - potential})
    plain = batch.with_columns({"value": value})
    np.testing.assert_allclose(gae(shaped, gamma=gamma, lam=lam).advantages, gae(plain, gamma=gamma, lam=lam).advantages, **CLOSE)


@relation
@given(batch=batches(), shift=REWARDS)
def test_a_constant_on_every_implicit_reward_changes_nothing(batch, shift):
    # iStar centres them; in PRIME n c - n c = 0 over the trajectories with a known step, each of which counts with the mean of its own.
    moved = batch.with_columns({"implicit_reward": batch.column("implicit_reward") + shift})
    for assigner in (istar, prime, lambda given: prime(given, whiten=False)):
        np.testing.assert_allclose(assigner(moved).advantages, assigner(batch).advantages, **CLOSE)


@relation
@given(batch=batches(), factor=st.sampled_from([0.25, 3.0]))
def test_the_scale_of_implicit_rewards_cancels_in_istar_and_stretches_prime(batch, factor):
    scaled = batch.with_columns({"implicit_reward": factor * batch.column("implicit_reward")})
    np.testing.assert_allclose(istar(scaled, eps=0.0).advantages, istar(batch, eps=0.0).advantages, **CLOSE)
    one, many = (prime(given, outcome_weight=0.0, whiten=False).advantages for given in (batch, scaled))
    np.testing.assert_allclose(many, factor * one, **CLOSE)


@relation
@given(batch=batches())
def test_the_step_term_of_istar_sums_to_zero_over_every_task(batch):
    step = istar(batch).advantages - istar(batch, step_weight=0.0).advantages
    tasks = batch.group_ids[batch.trajectory_of_step]
    for task in set(tasks.tolist()):
        assert step[tasks == task].sum() == pytest.approx(0.0, abs=1e-9)


@relation
@given(batch=batches(), gamma=st.sampled_from([0.5, 1.0]))
def test_spa_of_an_estimator_that_says_the_rewards_is_gae(batch, gamma):
    told = batch.with_columns({"progress": batch.rewards})
    np.testing.assert_allclose(spa(told, gamma=gamma, lam=0.5).advantages, gae(batch, gamma=gamma, lam=0.5).advantages, **CLOSE)


@every_assigner
@pytest.mark.parametrize("seed", range(3))
def test_rounding_of_what_goes_in_makes_nothing_of_it(assigner, seed, make_process_batch):
    # Thirds, which have no end in binary, many of them equal; and the same with the last bit of every number changed at random, as another order of summation
    # would. Nothing may hang on it: no sign of a difference that is none, no tie, no division by a spread of 1e-16. (1e-7: what a division may magnify.)
    rng = np.random.default_rng(seed)
    batch = make_process_batch(seed)
    steps = batch.rewards.size
    thirds = {name: rng.integers(0, 4, steps) / 3 for name in (*NUMBERS, "score", "potential", "final_potential", "mc_value")}
    batch = changed(batch, rewards=rng.integers(0, 4, steps) / 3 * (rng.random(steps) < 0.4)).with_columns(thirds)

    def rounded(values):
        return np.clip(values * (1.0 + rng.integers(-1, 2, steps) * np.finfo(float).eps), 0.0, 1.0)

    other = changed(batch, rewards=rounded(batch.rewards)).with_columns({name: rounded(column) for name, column in thirds.items()})
    advantages = assigner(batch).advantages
    np.testing.assert_allclose(assigner(other).advantages, advantages, atol=1e-7 * max(1.0, np.abs(advantages).max()))
