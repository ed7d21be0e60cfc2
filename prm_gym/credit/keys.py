"""Keys: which steps of a batch are compared with one another, or averaged.

Every function returns a `Grouping` of the N steps. Steps of different tasks (`group_ids`) are never together, but for `random_groups`, where that is an option.
"""

from collections import defaultdict
from difflib import SequenceMatcher
from typing import cast

import numpy as np

from prm_gym.credit.array_types import Column, IntArray
from prm_gym.credit.grouping import Grouping, factorise, intersection
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError, OptionError

EDGE_COLUMNS = ("state_key", "action_key", "next_state_key")
MOST_TEXTS = 2_000
"""Distinct texts of one task that `by_similarity` compares at most: the comparisons grow with their square."""


def by_task(batch: StepBatch) -> Grouping:
    """All steps of the task. O(N)."""
    return batch.tasks.rows(batch.trajectory_of_step)


def by_state(batch: StepBatch, column: str = "state_key") -> Grouping:
    """The steps of the task with the same key: visits to a state, or with `belief_key` to a belief. O(N log N).

    Args:
        batch: N steps with the column.
        column: of keys, one on every row.

    Raises:
        CreditError: a row has no key; names the rows.

    >>> batch = StepBatch([0, 0, 0], [0, 2, 3], ["a", "b"], [0, 0], [False, False], {"state_key": ["s", "s", "s"]})
    >>> by_state(batch).codes.tolist()
    [0, 0, 1]
    """
    return intersection(by_task(batch), factorise(batch.column(column), column))


def with_history(groups: Grouping, batch: StepBatch, length: int) -> Grouping:
    """The steps that are together, and whose predecessors were too, for the given number of predecessors. O(N log N log length).

    A step with fewer predecessors is together only with steps that have the same, shorter history. By doubling: when p steps up to each row are one code, 2p
    steps are the pair of the codes of this row and of the row p before.

    Args:
        groups: of the N steps.
        batch: whose time order counts.
        length: number of predecessors that must agree too, from 0.

    Raises:
        OptionError: the length is negative.
    """
    if length < 0:
        raise OptionError(f"history_length must be 0 or more, got {length!r}.")
    length = min(length, int(batch.lengths.max(initial=1)) - 1)
    path, reach = groups, 1  # the path of so many steps that ends here
    while reach < length + 1:
        # Paths may overlap: two of the longest known length cover any length up to their sum.
        step = min(reach, length + 1 - reach)
        path = intersection(path, _earlier(path, batch, step))
        reach += step
    return path


def by_edge(batch: StepBatch, history_length: int = 0) -> Grouping:
    """The steps of the task that took the same edge (s_t, a_t, s_{t+1}), and with a history the same edges before it.

    Args:
        batch: N steps with the columns `state_key`, `action_key`, `next_state_key`.
        history_length: number of preceding edges that must agree too, from 0.
    """
    edge = intersection(by_task(batch), *(factorise(batch.column(name), name) for name in EDGE_COLUMNS))
    return with_history(edge, batch, history_length)


def by_prefix(batch: StepBatch) -> Grouping:
    """The steps of the task before which the same actions were taken: nodes of the tree that the attempts make. O(N log N log T).

    Args:
        batch: N steps with the column `action_key`.

    >>> columns = {"action_key": list("abab")}
    >>> by_prefix(StepBatch([0, 0, 0, 0], [0, 2, 4], ["g", "g"], [0, 0], [False, False], columns)).codes.tolist()
    [1, 0, 1, 0]
    """
    tasks = by_task(batch)
    taken = intersection(tasks, factorise(batch.column("action_key"), "action_key"))
    return intersection(tasks, _earlier(with_history(taken, batch, taken.codes.size), batch, 1))


def by_belief(batch: StepBatch) -> Grouping:
    """The steps of the task that were taken with the same belief: `by_state` of the column `belief_key`."""
    return by_state(batch, "belief_key")


def by_similarity(batch: StepBatch, threshold: float, column: str = "state_key") -> Grouping:
    """The steps of the task with similar texts, by greedy first fit.

    Texts are taken in the order of the rows; each joins the first group whose representative, its first member, it is similar to, or opens a group:

        ratio = 2 * matching characters / characters of both >= threshold        (difflib)

    The order matters: other orders of the trajectories may make other groups, and two members of a group may be less similar than the threshold. Equal texts
    are found first and compared once, which changes no group. Cost: O(d * c) comparisons for d distinct texts and c groups of a task, each of them quadratic in
    the length of the texts at worst; texts whose lengths or letters rule the threshold out are not compared.

    Args:
        batch: N steps with the column, of texts.
        threshold: in (0, 1); GiGPO's authors use 0.9 and 0.95.
        column: of texts, one on every row.

    Raises:
        OptionError: the threshold is not in (0, 1).
        CreditError: a key is no text, or a task has more than `MOST_TEXTS` distinct ones.
    """
    if not 0.0 < threshold < 1.0:
        raise OptionError(f"similarity must lie between 0 and 1, both excluded, got {threshold!r}. Without it equal keys alone are together.")
    tasks, texts = by_task(batch), factorise(batch.column(column), column)
    visits = intersection(tasks, texts)
    first = _first_rows(visits)
    by_first = np.argsort(first, kind="stable")  # distinct texts of each task in the order in which they were first seen
    listed = [batch.column(column)[row] for row in first[by_first]]
    for text, row in zip(listed, first[by_first].tolist(), strict=True):
        if not isinstance(text, str):
            raise CreditError(f"similarity compares texts, got a {type(text).__name__} for {column} in row {row}.")
    representative = np.empty(visits.count, dtype=np.int64)
    seen: defaultdict[int, list[tuple[SequenceMatcher[str], int]]] = defaultdict(list)
    counts: defaultdict[int, int] = defaultdict(int)
    for group, task, text in zip(by_first.tolist(), tasks.codes[first[by_first]].tolist(), cast("list[str]", listed), strict=True):
        counts[task] += 1
        if counts[task] > MOST_TEXTS:
            raise CreditError(f"similarity compares at most {MOST_TEXTS} distinct texts of a task, and one has more. Give {column} canonical keys instead.")
        representative[group] = _fitting(seen[task], text, threshold, group)
    return factorise(representative[visits.codes])


def random_groups(within: Grouping, size: int, generator: np.random.Generator) -> Grouping:
    """Groups of a fixed size, drawn at random within the given ones; of each the last may be smaller. O(N log N).

    Args:
        within: of the N steps: one group for groups across all tasks, `by_task` for groups within tasks.
        size: of a group, from 1; one larger than the whole makes one group.
        generator: what they are drawn with.

    Raises:
        OptionError: the size is not positive.
    """
    if size < 1:
        raise OptionError(f"the size of random groups must be 1 or more, got {size!r}.")
    shuffled = generator.permutation(within.codes.size)
    order = shuffled[np.argsort(within.codes[shuffled], kind="stable")]
    starts = np.cumsum(within.sizes) - within.sizes
    place = np.empty(within.codes.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    return intersection(within, Grouping((place - starts[within.codes]) // size, within.codes.size // size + 1))


def _fitting(seen: list[tuple[SequenceMatcher[str], int]], text: str, threshold: float, group: int) -> int:
    """The first group that the text is similar to; its own, which is then added, where there is none."""
    for matcher, known in seen:
        matcher.set_seq1(text)
        # Two upper bounds of the ratio, cheap ones first.
        if matcher.real_quick_ratio() >= threshold and matcher.quick_ratio() >= threshold and matcher.ratio() >= threshold:
            return known
    seen.append((SequenceMatcher(None, "", text), group))
    return group


def _earlier(groups: Grouping, batch: StepBatch, steps: int) -> Grouping:
    """The groups of the rows so many steps before; all rows that have none there share one more."""
    codes = np.full(groups.codes.size, groups.count, dtype=np.int64)
    codes[steps:] = groups.codes[:-steps]
    return factorise(cast("Column", np.where(batch.time_of_step < steps, groups.count, codes)))


def _first_rows(groups: Grouping) -> IntArray:
    """[count] int64, first row of each group."""
    first = np.empty(groups.count, dtype=np.int64)
    rows = np.arange(groups.codes.size, dtype=np.int64)
    first[groups.codes[::-1]] = rows[::-1]  # of several assignments to one place numpy keeps the last
    return first
