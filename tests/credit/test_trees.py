"""Trees of rollouts: by hand, against a slow walk over nodes, from whole trajectories and from stored branches, and bad ones."""

from collections import defaultdict

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, branches, dr_grpo, grpo, key_array, slate, spo, step_tree, tree_grpo, tree_ps, tree_rl
from prm_gym.credit.pipeline import selected
from prm_gym.errors import CreditError, OptionError
from prm_gym.store import TrajectoryWriter, read_trajectories
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory


def tree(rewards, offsets, parents, tasks=None, truncated=None):
    count = len(offsets) - 1
    column = np.full(len(rewards), -1)
    column[np.array(offsets[:-1], dtype=int)] = parents
    groups = ["g"] * count if tasks is None else tasks
    return StepBatch(rewards, offsets, groups, [0] * count, [False] * count if truncated is None else truncated, {"parent": column})


def random_tree(seed, tasks=4, scale=1.0, segments=False):
    """Trajectories in random order, each of which may branch off anywhere before the end of another one of its task; with segments behind its end too."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(tasks), rng.integers(1, 8, tasks)))
    lengths = rng.integers(1, 7, groups.size)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    forks = np.full(groups.size, -1)
    order = rng.permutation(groups.size)  # branches only off trajectories that come earlier in this order, which is no order of the batch
    for at, trajectory in enumerate(order):
        trunks = [trunk for trunk in order[:at] if groups[trunk] == groups[trajectory] and (segments or lengths[trunk] > 1)]
        if trunks and rng.random() < 0.7:
            trunk = rng.choice(trunks)
            behind = segments and (lengths[trunk] == 1 or rng.random() < 0.5)
            forks[trajectory] = offsets[trunk + 1] - 1 if behind else offsets[trunk] + rng.integers(lengths[trunk] - 1)
    rewards = scale * np.round(rng.normal(size=int(offsets[-1])), 2) * (rng.random(int(offsets[-1])) < 0.5)
    cut = np.isin(offsets[1:] - 1, forks) | (segments & (rng.random(groups.size) < 0.2))  # some are cut and nobody goes on from them
    return tree(rewards, offsets, forks, tasks=[f"task {group}" for group in groups], truncated=cut)


class Slow:
    """The tree as linked nodes, which everything is asked of by walking."""

    def __init__(self, batch):
        self.batch, self.children, self.parent = batch, defaultdict(list), {}
        self.task = {}
        for i, (begin, end) in enumerate(zip(batch.offsets[:-1], batch.offsets[1:], strict=True)):
            for row in range(begin, end):
                fork = int(batch.column("parent")[row])
                before = row - 1 if row > begin else fork if fork >= 0 else ("root", batch.group_ids[i])
                self.parent[row], self.task[row] = before, batch.group_ids[i]
                self.children[before].append(row)
        self.ends = [int(end) - 1 for end in batch.offsets[1:] if not self.children[int(end) - 1]]

    def path(self, row):
        found = []
        while not isinstance(row, tuple):
            found.append(row)
            row = self.parent[row]
        return found[::-1]

    def total(self, leaf):
        return sum(self.batch.rewards[row] for row in self.path(leaf))

    def leaves(self, node):
        own = [node] if node in self.ends else []
        return own + [leaf for child in self.children[node] for leaf in self.leaves(child)]

    def mean(self, node):
        return np.mean([self.total(leaf) for leaf in self.leaves(node)])

    def recursive(self, node):
        values = [self.recursive(child) for child in self.children[node]] + ([self.total(node)] if node in self.ends else [])
        return np.mean(values)

    def tree_rl(self, row):
        root = ("root", self.task[row])
        return (2 * self.mean(row) - self.mean(root) - self.mean(self.parent[row])) / np.sqrt(len(self.leaves(row)))

    def trunk(self, leaf):
        return self.path(leaf)[0]

    def first_trajectory(self, leaf):
        """The trajectory at whose first row the way to the leaf begins."""
        return np.searchsorted(self.batch.offsets, self.path(leaf)[0], side="right") - 1

    def standard(self, leaf, leaves, lone):
        totals = [self.total(other) for other in leaves]
        if len(totals) == 1:
            return totals[0] / (1 + 1e-6) if lone == "raw" else 0.0
        spread = np.std(totals, ddof=1)
        return (self.total(leaf) - np.mean(totals)) / ((spread if spread > 1e-12 else 1.0) + 1e-6)

    def tree_grpo(self, row):
        found = []
        for leaf in self.leaves(row):
            same_task = self.leaves(("root", self.task[row]))
            same_tree = [other for other in same_task if self.first_trajectory(other) == self.first_trajectory(leaf)]
            found.append(self.standard(leaf, same_tree, "zero") + self.standard(leaf, same_task, "raw"))
        return np.mean(found)


# By hand: a trunk of three steps that earns 1 at its end; after its first step one branch that earns 3 at once, and one of two steps that earns 5, from whose
# first step another branches off that earns 7. All of one task.
#
#     root - 0 - 1 - 2 (1)
#              \- 3 (3)
#              \- 4 - 5 (5)
#                   \- 6 (7)
HAND = tree([0, 0, 1, 3, 0, 5, 7], [0, 3, 4, 6, 7], [-1, 0, 0, 4])


def test_values_by_hand():
    found = step_tree(HAND)
    assert found.leaf_returns().tolist() == [1, 3, 5, 7]
    assert found.leaf_counts.tolist() == [4, 1, 1, 1, 2, 1, 1]
    assert found.leaf_means(found.leaf_returns()).tolist() == [4, 1, 1, 3, 6, 5, 7]
    # Children of row 0: rows 1 (1), 3 (3) and 4 (6): (1 + 3 + 6) / 3.
    assert found.child_means(found.leaf_returns()).tolist() == [10 / 3, 1, 1, 3, 6, 5, 7]
    assert found.components.codes.tolist() == [0, 0, 0, 0]
    assert [sorted(np.flatnonzero(found.siblings.codes == code).tolist()) for code in range(found.siblings.count)] == [[0], [1, 3, 4], [2], [5, 6]]


def test_tree_rl_by_hand():
    # V(root) = 4. Row 1: (1 - 4) + (1 - 4) = -6; row 2 has the same leaf: -3. Row 4: (2 + 2) / sqrt 2; row 5: (5 - 4) + (5 - 6); row 6: 3 + 1.
    assert tree_rl(HAND).advantages.tolist() == pytest.approx([0, -6, -3, -2, 4 / np.sqrt(2), 0, 4])
    assert tree_rl(HAND, leaf_scale="none", local_weight=0.0).advantages.tolist() == [0, -3, -3, -1, 2, 1, 3]
    assert np.array_equal(tree_ps(HAND).advantages, tree_rl(HAND).advantages)
    # What is still to come: the mean of the leaves under a step less what was paid before it.
    assert tree_rl(tree([1, 2, 4], [0, 2, 3], [-1, 0])).returns.tolist() == [4, 2, 4]


def test_spo_and_slate_by_hand():
    # Root and rows 1 to 2 have one child; at row 0 the values are 1, 3 and 6 of mean 10/3; at row 4 they are 5 and 7.
    assert spo(HAND).advantages.tolist() == pytest.approx([0, 1 - 10 / 3, 0, 3 - 10 / 3, 6 - 10 / 3, -1, 1])
    # At row 4 the deviation of 5 and 7 with ddof 1 is sqrt 2.
    assert spo(HAND, scale="std", eps=0.0).advantages[5:].tolist() == pytest.approx([-1 / np.sqrt(2), 1 / np.sqrt(2)])
    # At row 0 the rewards are 0, 3 and 0; their mean is 1, their variance (1 + 4 + 1) / 2. At row 4 they are 5 and 7.
    assert slate(HAND, eps=0.0).advantages.tolist() == pytest.approx([0, -1 / 3**0.5, 0, 2 / 3**0.5, -1 / 3**0.5, -(0.5**0.5), 0.5**0.5])


def test_a_segment_is_worth_what_follows_it():
    # A tree grown by segments: one of two steps is cut, and from its end two others go on, which earn 1 and 0; beside it one that earns 0 at once.
    #
    #     root - 0 - 1 (cut) - 2 (1)
    #          |           \- 3 (0)
    #          \- 4 (0)
    batch = tree([0, 0, 1, 0, 0], [0, 2, 3, 4, 5], [-1, 1, 1, -1], truncated=[True, False, False, False])
    found = step_tree(batch)
    assert found.has_leaf.tolist() == [False, True, True, True]
    assert found.leaf_counts.tolist() == [2, 2, 1, 1, 1]
    # Not (0 + 1 + 0) / 3, as if the cut were an outcome: the value of the segment is the mean of what goes on from it, 1/2, and that of the root 1/4.
    assert spo(batch).advantages.tolist() == [0.25, 0.0, 0.5, -0.5, -0.25]
    # The root's mean over leaves is 1/3. Rows 0 and 1: (1/2 - 1/3) / sqrt 2, at row 0 twice, for the root is the step before.
    expected = [2 / 6 / 2**0.5, 1 / 6 / 2**0.5, 2 / 3 + 1 / 2, -1 / 3 - 1 / 2, -2 / 3]
    np.testing.assert_allclose(tree_rl(batch).advantages, expected, rtol=1e-14)
    assert tree_rl(batch).diagnostics["group_size_max"] == 3.0
    # Leaves 1, 0 and 0: the mean 1/3, the deviation sqrt(1/3); within the tree of the first two +-1/sqrt 2. The segment has the mean of both.
    first, second, third = (2 / 3 / (1 / 3) ** 0.5 + 0.5**0.5, -(1 / 3) / (1 / 3) ** 0.5 - 0.5**0.5, -(1 / 3) / (1 / 3) ** 0.5)
    segment = (first + second) / 2
    np.testing.assert_allclose(tree_grpo(batch, eps=0.0).advantages, [segment, segment, first, second, third], rtol=1e-12)
    assert slate(batch, eps=0.0).advantages.tolist() == pytest.approx([0, 0, 0.5**0.5, -(0.5**0.5), 0])
    # Where nobody goes on from it, the segment is a leaf with what it earned, 0.
    alone = tree([0, 0, 0], [0, 2, 3], [-1, -1], truncated=[True, False])
    assert step_tree(alone).has_leaf.all()
    assert spo(alone).advantages.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_slow_walks_say_the_same(seed, segments):
    batch = random_tree(seed, segments=segments)
    slow, rows = Slow(batch), range(batch.rewards.size)
    found = step_tree(batch)
    assert found.has_leaf.all() == (len(slow.ends) == batch.lengths.size)
    assert found.leaf_returns()[found.has_leaf] == pytest.approx([slow.total(end) for end in slow.ends], abs=1e-12)
    assert found.leaf_counts.tolist() == [len(slow.leaves(row)) for row in rows]
    assert found.leaf_means(found.leaf_returns()) == pytest.approx([slow.mean(row) for row in rows], abs=1e-12)
    assert found.child_means(found.leaf_returns()) == pytest.approx([slow.recursive(row) for row in rows], abs=1e-12)
    assert tree_rl(batch).advantages == pytest.approx([slow.tree_rl(row) for row in rows], abs=1e-12)
    assert tree_grpo(batch).advantages == pytest.approx([slow.tree_grpo(row) for row in rows], abs=1e-9)
    assert spo(batch).advantages == pytest.approx([slow.recursive(row) - slow.recursive(slow.parent[row]) for row in rows], abs=1e-12)
    siblings = [slow.children[slow.parent[row]] for row in rows]
    assert slate(batch).advantages == pytest.approx([slow_slate(batch, row, group) for row, group in zip(rows, siblings, strict=True)], abs=1e-9)


def slow_slate(batch, row, group):
    rewards = batch.rewards[group]
    if len(group) == 1 or np.ptp(rewards) == 0:
        return 0.0
    return (batch.rewards[row] - rewards.mean()) / (rewards.std(ddof=1) + 1e-6)


ALL = [tree_rl, tree_grpo, spo, slate]


@pytest.mark.parametrize("assigner", ALL, ids=lambda assigner: assigner.name)
def test_equal_leaves_have_no_advantage(assigner):
    # 0.1 + 0.2 and the like: seven leaves of 0.7 each, whatever the tree.
    for seed in range(5):
        shaped = random_tree(seed, tasks=3)
        alike = np.where(np.isin(np.arange(shaped.rewards.size), shaped.offsets[1:] - 1), 0.7, 0.0)
        inner = np.isin(np.arange(shaped.rewards.size), shaped.column("parent"))
        batch = StepBatch(alike, shaped.offsets, shaped.group_ids, shaped.outcomes, shaped.truncated, shaped.columns)
        assert not (inner & (alike > 0)).any()  # nothing branches off behind a leaf
        options = {"singleton": "zero"} if assigner is tree_grpo else {}
        advantages = assigner(batch, **options).advantages
        # slate looks at the steps' own rewards, which differ between a leaf and a step that goes on.
        assert assigner is slate or advantages.tolist() == [0.0] * advantages.size


@pytest.mark.parametrize("assigner", [tree_rl, tree_grpo, spo, slate], ids=lambda assigner: assigner.name)
def test_scale(assigner):
    batch, double = random_tree(3), random_tree(3, scale=3.0)
    factor = 1.0 if assigner in (tree_grpo, slate) else 3.0
    options = {"eps": 0.0} if assigner in (tree_grpo, slate) else {}
    if assigner is tree_grpo:
        options["singleton"] = "zero"
    np.testing.assert_allclose(assigner(double, **options).advantages, factor * assigner(batch, **options).advantages, atol=1e-9)


def test_without_branches_trees_are_what_they_generalise(make_batch):
    batch = make_batch(2)
    plain = batch.with_columns({"parent": np.full(batch.rewards.size, -1)})
    np.testing.assert_allclose(tree_grpo(plain).advantages, grpo(batch).advantages, atol=1e-12)
    # The global term is what Dr. GRPO has, the local one the same at the first step of each, whose step before is the root.
    alone = tree_rl(plain, local_weight=0.0).advantages
    np.testing.assert_allclose(alone, dr_grpo(batch, singleton="zero").advantages, atol=1e-12)
    first = plain.time_of_step == 0
    np.testing.assert_allclose(tree_rl(plain).advantages, np.where(first, 2.0, 1.0) * alone, atol=1e-12)


def test_nested_normalises_what_was_normalised():
    # Two trees: leaves 0 and 1, and leaves 0 and 3. Within each +-1/sqrt 2; over the task of four such values the deviation is sqrt(4 * 1/2 / 3).
    batch = tree([0, 0, 1, 0, 0, 3], [0, 2, 3, 5, 6], [-1, 0, -1, 3])
    leaf = (0.5**0.5) / (2 / 3) ** 0.5
    assert tree_grpo(batch, across="nested", eps=0.0).advantages == pytest.approx([0, -leaf, leaf, 0, -leaf, leaf])


def test_the_order_of_the_trajectories_does_not_matter():
    from prm_gym.testing import check_assigner

    for name in ("tree_rl", "tree_ps", "tree_grpo", "spo", "slate"):
        check_assigner(name)


@pytest.mark.parametrize("assigner", ALL, ids=lambda assigner: assigner.name)
@pytest.mark.parametrize("seed", range(4))
def test_segments_may_stand_in_any_order(assigner, seed):
    batch = random_tree(seed, segments=True)
    permuted, rows = selected(batch, np.random.default_rng(seed).permutation(batch.lengths.size))
    assert not step_tree(permuted).has_leaf.all()
    np.testing.assert_allclose(assigner(permuted).advantages, assigner(batch).advantages[rows], rtol=1e-9, atol=1e-9)


# Whole trajectories.


def whole(paths, outcomes, tasks=None):
    """Trajectories from words: a letter an action, the state what was written before it."""
    groups = ["g"] * len(paths) if tasks is None else tasks
    return [
        Trajectory(
            id=f"t{i}",
            group_id=group,
            task=Task(key=group, instructions="", question=""),
            seed=0,
            env_id="test",
            agent="test",
            outcome=outcome,
            steps=tuple(
                Step(
                    index=at,
                    observation=path[:at],
                    action=path[at],
                    state_key=path[:at],
                    next_state_key=path[: at + 1],
                    reward=outcome if at == len(path) - 1 else 0.0,
                    terminated=at == len(path) - 1,
                )
                for at in range(len(path))
            ),
        )
        for i, (path, outcome, group) in enumerate(zip(paths, outcomes, groups, strict=True))
    ]


def test_branches_of_whole_trajectories():
    batch = StepBatch.from_trajectories(whole(["abc", "abd", "ax", "abc", "b"], [1.0, 0.0, 1.0, 1.0, 0.0]))
    found = branches(batch)
    # abd keeps d after ab; ax keeps x after a; the second abc keeps its own leaf c after ab; b shares nothing.
    assert found.batch.column("action_key").tolist() == ["a", "b", "c", "d", "x", "c", "b"]
    assert found.batch.column("parent").tolist() == [-1, -1, -1, 1, 0, 1, -1]
    assert found.rows.tolist() == [0, 1, 2, 0, 1, 3, 0, 4, 0, 1, 5, 6]
    assert found.batch.lengths.tolist() == [3, 1, 1, 1, 1]
    # Five leaves of mean 3/5: four under a (3/4), three under ab (2/3).
    values = step_tree(found.batch)
    assert values.leaf_means(values.leaf_returns()).tolist() == pytest.approx([3 / 4, 2 / 3, 1, 0, 1, 1, 0])


def test_credit_is_spread_to_every_occurrence_and_kept_once():
    batch = StepBatch.from_trajectories(whole(["abc", "abd", "ax"], [1.0, 0.0, 1.0]))
    found = branches(batch)
    credit = assign("tree_rl", found.batch)
    spread = found.spread(credit)
    assert spread.advantages.tolist() == [credit.advantages[row] for row in (0, 1, 2, 0, 1, 3, 0, 4)]
    assert spread.keep.tolist() == [True, True, True, False, False, True, False, True]
    assert spread.keep.sum() == found.batch.rewards.size


def test_branches_can_be_stored_and_read(tmp_path):
    found = branches(StepBatch.from_trajectories(whole(["abc", "abd", "ax"], [1.0, 0.0, 1.0])))
    assert [each.steps[0].parent for each in found.batch.trajectories] == [None, "t0/1", "t0/0"]
    assert [step.index for step in found.batch.trajectories[1].steps] == [2]
    with TrajectoryWriter(tmp_path / "tree.jsonl") as writer:
        writer.write(found.batch.trajectories)
    again = StepBatch.from_trajectories(read_trajectories(tmp_path / "tree.jsonl"))
    assert again.column("parent").tolist() == found.batch.column("parent").tolist()
    assert np.array_equal(tree_rl(again).advantages, tree_rl(found.batch).advantages)
    with pytest.raises(CreditError, match=r"'t1' follows the step 't0/1', which is not in the batch"):
        StepBatch.from_trajectories(found.batch.trajectories[1:])
    with pytest.raises(CreditError, match="is a tree"):
        branches(found.batch)


@pytest.mark.parametrize("seed", range(8))
def test_branches_are_those_of_a_dictionary_of_beginnings(seed):
    rng = np.random.default_rng(seed)
    paths = ["".join(rng.choice(list("ab"), rng.integers(1, 7))) for _ in range(14)]
    tasks = [f"g{rng.integers(2)}" for _ in paths]
    batch = StepBatch.from_trajectories(whole(paths, [1.0] * len(paths), tasks))
    found = branches(batch)
    known, rows, parents = {}, [], []
    for path, task in zip(paths, tasks, strict=True):
        row = -1
        for at in range(len(path)):
            beginning = (task, path[: at + 1])
            inner = at < len(path) - 1
            if inner and beginning in known:
                row = known[beginning]
            else:
                # The first own step of a trajectory says where it branched off.
                parents.append(row if not parents_of_this(rows, at) else -1)
                row = len(parents) - 1
                if inner:
                    known[beginning] = row
            rows.append(row)
    assert found.rows.tolist() == rows
    first = found.batch.offsets[:-1]
    assert found.batch.column("parent")[first].tolist() == [parents[row] for row in first]


def parents_of_this(rows, at):
    """Whether one of the last `at` rows was new: then the step before is a row of the same trajectory."""
    return at > 0 and rows[-1] == max(rows)


# Bad trees.


def test_what_is_no_tree_is_refused():
    for parents, said in (
        ([-1, 9], "must be a row in"),
        ([-1, -2], "must be a row in"),
        ([-1, 1], "must not be the last row of a finished trajectory"),
        ([2, 0], "circle"),
    ):
        with pytest.raises(CreditError, match=said):
            tree_rl(tree([0, 0, 0, 0], [0, 2, 4], parents))
    with pytest.raises(CreditError, match="same task"):
        tree_rl(tree([0, 0, 0], [0, 2, 3], [-1, 0], tasks=["g", "h"]))
    assert tree_rl(tree([0, 1, 0], [0, 2, 3], [-1, 1], truncated=[True, False])).advantages.size == 3  # what was cut may be gone on with
    batch = tree([0, 0], [0, 2], [-1])
    for column, said in (
        ([-1, 0], "rows that are not the first of their trajectory; it is not so in row 1"),
        ([0.5, -1], "an integer"),
        ([np.nan, -1], "an integer"),
        (key_array(["t/0", "t/1"]), "something else than integers"),
    ):
        with pytest.raises(CreditError, match=said):
            tree_rl(batch.with_columns({"parent": np.asarray(column)}))
    with pytest.raises(CreditError, match=r"lacks parent.* parent: of trajectories that are branches of others"):
        tree_rl(StepBatch([1.0], [0, 1], ["g"], [1], [False]))
    for options in ({"leaf_scale": "log"}, {"local_weight": np.inf}):
        with pytest.raises(OptionError):
            tree_rl(batch, **options)
    with pytest.raises(OptionError):
        tree_grpo(batch, across="all")
    with pytest.raises(OptionError):
        spo(batch, scale="median")


def test_a_chain_of_forks_as_deep_as_the_batch_is_long():
    # Trajectory i branches off from the first step of trajectory i - 1: all leaves but one are under each.
    count = 60
    batch = tree(np.tile([0.0, 1.0], count), 2 * np.arange(count + 1), 2 * (np.arange(count) - 1) * (np.arange(count) > 0) - (np.arange(count) == 0))
    assert step_tree(batch).leaf_counts[::2].tolist() == list(range(count, 0, -1))
