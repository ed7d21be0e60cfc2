"""Trees of rollouts as a batch: trajectories that branch off from one another, every step that they share in it once.

    whole = StepBatch.from_trajectories(trajectories)     # from one beginning, played on from several places
    found = branches(whole)                               # found.batch has the column `parent`
    credit = found.spread(assign("tree_rl", found.batch)) # one advantage for every step of `whole`

A row is a step and the state that it led to, a node. The column `parent` says where each trajectory goes on: on its first row the row after which it branched
off, -1 where it begins at the root, which is the beginning of its task. A trajectory ends in one leaf of its own, unless it was cut (`truncated`) and others
branch off behind its last row: then it is a piece of their ways, a segment of a tree that is grown by segments, and what it earned up to there is no outcome.
"""

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray, IntArray
from prm_gym.credit.grouping import Grouping, factorise, intersection, rows_text
from prm_gym.credit.keys import by_task, with_history
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, linear_recurrence, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError
from prm_gym.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class StepTree:
    """The trees of a batch: N nodes, M branches, one root a task, a leaf at the end of each branch that does not go on in others.

    Attributes:
        batch: with the column `parent`.
        tasks: [M] grouping of the trajectories.
        forks: [M] int64, row after which a trajectory branched off; -1 at the root.
        before: [N] int64, row of the step before along the tree; -1 at the root.
        levels: trajectories by how many forks lie above them, fewest first.
    """

    batch: StepBatch
    tasks: Grouping
    forks: IntArray
    before: IntArray
    levels: tuple[IntArray, ...]

    @property
    def ends(self) -> IntArray:
        """[M] int64, last row of each trajectory."""
        return self.batch.offsets[1:] - 1

    @cached_property
    def has_leaf(self) -> BoolArray:
        """[M] bool, False for a trajectory that was cut and goes on in others; every node has a leaf under it all the same."""
        return ~np.isin(self.ends, self.forks)

    @cached_property
    def siblings(self) -> Grouping:
        """Of the N rows: steps that were taken at the same node; at the root those of the same task."""
        at_root = self.tasks.codes[self.batch.trajectory_of_step]
        return factorise(np.where(self.before < 0, at_root, self.tasks.count + self.before))

    @property
    def components(self) -> Grouping:
        """Of the M trajectories: those that hang together without the root, a tree each."""
        trunk = np.arange(self.forks.size, dtype=np.int64)
        owner = self.batch.trajectory_of_step
        for level in self.levels[1:]:
            trunk[level] = trunk[owner[self.forks[level]]]
        return factorise(trunk)

    def path_sums(self, values: FloatArray) -> FloatArray:
        """[N] float64, sum of the values along the way from the root to each row, itself included. O(N log T).

        Args:
            values: [N] float64.
        """
        offsets = self.batch.offsets
        # From the front: the returns of the reversed trajectories, each of which is summed by itself.
        sums = discounted_returns(values[::-1], offsets[-1] - offsets[::-1], 1.0)[::-1].copy()
        owner, base = self.batch.trajectory_of_step, np.zeros(self.forks.size)
        for level in self.levels[1:]:
            forks = self.forks[level]
            base[level] = sums[forks] + base[owner[forks]]
        return sums + base[owner]

    def leaf_returns(self) -> FloatArray:
        """[M] float64, undiscounted sum of the rewards from the root to each leaf; NaN for a trajectory without one."""
        return np.where(self.has_leaf, self.path_sums(self.batch.rewards)[self.ends], np.nan)

    @cached_property
    def leaf_counts(self) -> FloatArray:
        """[N] float64, number of leaves under each node, its own included, at least 1; exact."""
        return self._under(np.ones(self.forks.size))

    def leaf_means(self, values: FloatArray) -> FloatArray:
        """[N] float64, mean over the leaves under each node; exact for a node with one leaf. O(N log T + M).

        Args:
            values: [M] float64, of the leaves; those of trajectories without one do not count.
        """
        return self._under(values) / self.leaf_counts

    def _under(self, values: FloatArray) -> FloatArray:
        own = np.zeros(self.before.size)
        totals, owner = np.where(self.has_leaf, values, 0.0), self.batch.trajectory_of_step
        own[self.ends] = totals
        for level in self.levels[:0:-1]:  # the deepest first, so that a branch is whole before it is added to the one that it left
            forks = self.forks[level]
            np.add.at(own, forks, totals[level])
            np.add.at(totals, owner[forks], totals[level])
        return discounted_returns(own, self.batch.offsets, 1.0)

    def child_means(self, values: FloatArray) -> FloatArray:
        """[N] float64, value of each node by the recursion over its children. O(N log T + M).

            V(leaf) = its value,    V(node) = mean of V over the steps that were taken there

        Unlike `leaf_means` it counts a child once, however many leaves are under it.

        Args:
            values: [M] float64, of the leaves; those of trajectories without one do not count.
        """
        offsets, steps = self.batch.offsets, self.before.size
        added, children = np.zeros(steps), np.ones(steps)  # the next row of the trajectory, or on its last row the leaf, if there is one
        added[self.ends] = np.where(self.has_leaf, values, 0.0)
        children[self.ends] = self.has_leaf
        np.add.at(children, self.forks[self.forks >= 0], 1.0)
        found = np.zeros(steps)
        for level in reversed(self.levels):
            lengths = self.batch.lengths[level]
            starts: IntArray = np.cumsum(lengths) - lengths
            rows: IntArray = np.repeat(offsets[level] - starts, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)
            goes_on = np.ones(rows.size)
            goes_on[np.cumsum(lengths) - 1] = 0.0
            found[rows] = linear_recurrence(added[rows] / children[rows], goes_on / children[rows])
            forked = level[self.forks[level] >= 0]
            np.add.at(added, self.forks[forked], found[offsets[forked]])
        return found


def step_tree(batch: StepBatch) -> StepTree:
    """The trees of a batch, checked.

    Args:
        batch: with the column `parent` (see the module); its trajectories may stand in any order.

    Raises:
        CreditError: the column is missing or no integers; a row that is no first one has a parent; a parent is no row, belongs to another task or to the end of
            a finished trajectory, or lies on a branch of the trajectory itself. Names the rows.
    """
    offsets, owner = batch.offsets, batch.trajectory_of_step
    parents = parent_rows(batch)
    first = offsets[:-1]
    later = np.ones(parents.size, dtype=np.bool_)
    later[first] = False
    _refuse(later & (parents != -1), "must be -1 on rows that are not the first of their trajectory")
    forks = parents[first]
    _refuse(_at(first[(forks < -1) | (forks >= parents.size)], parents), f"must be a row in [0, {parents.size}), or -1")
    tasks = batch.tasks
    branched = forks >= 0
    left = owner[forks[branched]]
    _refuse(_at(first[branched][tasks.codes[left] != tasks.codes[branched]], parents), "must be a row of the same task")
    over = (forks[branched] == offsets[1:][left] - 1) & ~batch.truncated[left]
    _refuse(_at(first[branched][over], parents), "must not be the last row of a finished trajectory")
    before = np.arange(parents.size, dtype=np.int64) - 1
    before[first] = forks
    return StepTree(batch, tasks, forks, before, _levels(batch, forks, parents))


def parent_rows(batch: StepBatch) -> IntArray:
    """[N] int64, the column `parent` as integers, whatever it was given as; not checked against the rows, which `step_tree` does.

    Raises:
        CreditError: it is missing, or holds something else than integers.
    """
    given = batch.column("parent")
    try:
        numbers = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise CreditError("the column 'parent' must be rows of the batch, or -1 (see prm_gym.credit.trees); got something else than integers") from error
    _refuse(~np.isfinite(numbers) | (numbers != np.floor(numbers)), "must be an integer")
    return numbers.astype(np.int64)


def _levels(batch: StepBatch, forks: IntArray, parents: IntArray) -> tuple[IntArray, ...]:
    """Trajectories by how many forks lie above them. By doubling: after each pass a pointer leads twice as far up."""
    owner = batch.trajectory_of_step
    root = forks.size
    above = np.append(np.where(forks >= 0, owner[forks] if owner.size else forks, root), root)
    depths = np.append((forks >= 0).astype(np.int64), 0)
    for _ in range(int(forks.size).bit_length()):
        depths, above = depths + depths[above], above[above]
    _refuse(_at(batch.offsets[:-1][above[:-1] != root], parents), "leads round in a circle of trajectories that branch off from one another")
    order = np.argsort(depths[:-1], kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(depths[:-1]))[:-1])) if order.size else ()


def _at(rows: IntArray, like: IntArray) -> BoolArray:
    marked = np.zeros(like.size, dtype=np.bool_)
    marked[rows] = True
    return marked


def _refuse(wrong: BoolArray, said: str) -> None:
    if wrong.any():
        raise CreditError(f"the column 'parent' {said}; it is not so in {rows_text(wrong)}.")


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """Whole trajectories as a tree.

    Attributes:
        batch: the tree, with the column `parent`: what was shared once, with the trajectory that comes first. Its trajectories, where the whole ones are at
            hand, are cut to their own steps, and the first of these says by its `parent` where it branches off, so that they may be stored as they are.
        rows: [W] int64, row of the tree for each of W rows of the whole trajectories.
    """

    batch: StepBatch
    rows: IntArray

    def spread(self, credit: Credit) -> Credit:
        """The credit of the whole trajectories, from that of the tree: what agents learn from, since these hold what came before each step.

        A shared step is kept once, in the trajectory that comes first, as it stands once in the tree; in the others it is what came before.

        Args:
            credit: of `batch`.
        """
        once = np.zeros(self.rows.size, dtype=np.bool_)
        once[np.unique(self.rows, return_index=True)[1]] = True
        return Credit(credit.advantages[self.rows], credit.returns[self.rows], credit.keep[self.rows] & once, credit.diagnostics)


def branches(batch: StepBatch) -> Branches:
    """The tree that whole trajectories make: those of a task that begin with the same states and actions share these steps. O(N log N).

    The last step of a trajectory is always its own: two rollouts that end alike are two leaves. Of a shared step the rewards and columns of the trajectory that
    comes first stand for all.

    Args:
        batch: whole trajectories, with the columns `state_key` and `action_key`.

    Raises:
        CreditError: a column is missing, or the batch is a tree already.
    """
    if "parent" in batch.columns:
        raise CreditError("The batch has the column 'parent' already: it is a tree.")
    steps = batch.rewards.size
    paths = _paths(batch)
    ends = _at(batch.offsets[1:] - 1, paths)
    # Of several assignments to one place numpy keeps the last; ends are left out, for nothing goes on from one.
    inner = np.flatnonzero(~ends)[::-1]
    first = np.full(int(paths.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[paths[inner]] = inner
    standing = np.where(ends, np.arange(steps), first[paths])
    kept = standing == np.arange(steps)
    rows = (np.cumsum(kept) - 1)[standing]
    counts = trajectory_returns(kept.astype(np.float64), batch.offsets).astype(np.int64)
    shared = batch.lengths - counts
    parent = np.full(int(kept.sum()), -1, dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    branched = shared > 0
    parent[offsets[:-1][branched]] = rows[(batch.offsets[:-1] + shared - 1)[branched]]
    tree = StepBatch(
        rewards=batch.rewards[kept],
        offsets=offsets,
        group_ids=batch.group_ids,
        outcomes=batch.outcomes,
        truncated=batch.truncated,
        columns={**{name: column[kept] for name, column in batch.columns.items()}, "parent": parent},
        trajectories=None if batch.trajectories is None else _cut(batch, standing, shared),
    )
    return Branches(tree, rows)


def _paths(batch: StepBatch) -> IntArray:
    """[N] int64, equal where task, states and actions from the beginning to the row, itself included, are equal. O(N log N log T)."""
    taken = intersection(by_task(batch), *(factorise(batch.column(name), name) for name in ("state_key", "action_key")))
    return with_history(taken, batch, taken.codes.size).codes


def _cut(batch: StepBatch, standing: IntArray, shared: IntArray) -> tuple[Trajectory, ...]:
    """The trajectories without the steps that they share with earlier ones."""
    trajectories = batch.trajectories or ()
    owner, time = batch.trajectory_of_step, batch.time_of_step
    found: list[Trajectory] = []
    for trajectory, begin, count in zip(trajectories, batch.offsets[:-1].tolist(), shared.tolist(), strict=True):
        steps = trajectory.steps[count:]
        if count:
            row = int(standing[begin + count - 1])
            left = trajectories[int(owner[row])]
            steps = (msgspec.structs.replace(steps[0], parent=left.step_id(int(time[row]))), *steps[1:])
        found.append(msgspec.structs.replace(trajectory, steps=steps))
    return tuple(found)
