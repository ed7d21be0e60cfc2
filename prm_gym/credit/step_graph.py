"""StepGraph: what the attempts at a task have in common, with the credit of their steps, as objects to look at.

`StepGraph.of(batch, credit)` takes the credit of any assigner. `prm_gym.report.step_graph` draws it.
"""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import numpy as np

from prm_gym.credit.array_types import IntArray
from prm_gym.credit.grouping import Grouping, group_first, group_maxima, group_means, intersection
from prm_gym.credit.keys import by_edge
from prm_gym.credit.normalize import deviations, group_stds
from prm_gym.credit.options import near_miss
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_term import StepTerm, state_term
from prm_gym.errors import CreditError


@dataclass(frozen=True, slots=True)
class StateNode:
    """A state of a task, or an end: where attempts finished after acting in a state, one for each outcome.

    Attributes:
        number: its place in `StepGraph.nodes`.
        task: key of the task, as text.
        key: of the state, as text; of an end that of the state before.
        text: what was observed in it, where the batch was made from trajectories; otherwise the key.
        depth: fewest steps from a state that an attempt began in; 0 where no step leads to it, since keys do not chain.
        visits: steps taken in it; of an end, attempts that finished there.
        trajectories: attempts that came by.
        starts: attempts that began in it.
        cut: attempts that were truncated in it.
        end: whether it is an end.
        outcome: of an end, in [0, 1]; None where it is not known, and for a state.
    """

    number: int
    task: str
    key: str
    text: str
    depth: int
    visits: int
    trajectories: int
    starts: int
    cut: int
    end: bool
    outcome: float | None

    @property
    def merged(self) -> bool:
        """Whether several attempts met in this state."""
        return not self.end and self.trajectories > 1


@dataclass(frozen=True, slots=True)
class StepEdge:
    """A step (state, action, next state) and how often it was taken.

    Attributes:
        source: number of the node it was taken in.
        target: number of the node it led to.
        action: as text.
        occurrences: how often it was taken.
        trajectories: by how many attempts.
        advantage: mean over the occurrences that the credit keeps, each once; None where it keeps none, and nothing is learned of the step.
        rows: of the batch.
    """

    source: int
    target: int
    action: str
    occurrences: int
    trajectories: int
    advantage: float | None
    rows: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Whether several attempts took it."""
        return self.trajectories > 1


@dataclass(frozen=True, slots=True)
class StateGroup:
    """Visits that are compared with one another, as GiGPO does it: steps that were taken in one state. The tuples but `nodes` have one entry a visit.

    Attributes:
        nodes: numbers of the nodes of the states: one, unless states with similar texts are taken for one.
        mean: of the returns.
        spread: their standard deviation (ddof 1), 0 where they are all equal; None for a single visit.
        rows: of the batch.
        trajectories: of the batch, which attempt made the visit.
        actions: what was done there, as text.
        returns: G from the visit on, with the discount of the assigner.
        step_advantages: A^S of GiGPO, before its weight; 0 for a single visit.
        advantages: those of the credit.
    """

    nodes: tuple[int, ...]
    mean: float
    spread: float | None
    rows: tuple[int, ...]
    trajectories: tuple[int, ...]
    actions: tuple[str, ...]
    returns: tuple[float, ...]
    step_advantages: tuple[float, ...]
    advantages: tuple[float, ...]

    @property
    def attempts(self) -> int:
        """How many attempts came by; an attempt that comes back is compared with itself too."""
        return len(set(self.trajectories))


@dataclass(frozen=True, slots=True)
class StepGraph:
    """States, steps and groups of one task or of all.

    Attributes:
        tasks: keys of the tasks, as text.
        attempts: trajectories of the batch, in its order.
        nodes: in the order in which the attempts came by.
        edges: likewise.
        groups: of the states in which a step was taken, in the order of the nodes; a step that a filter took out is in none.
    """

    tasks: tuple[str, ...]
    attempts: tuple[int, ...]
    nodes: tuple[StateNode, ...]
    edges: tuple[StepEdge, ...]
    groups: tuple[StateGroup, ...]

    @property
    def trajectories(self) -> int:
        """Number of attempts."""
        return len(self.attempts)

    @classmethod
    def of(cls, batch: StepBatch, credit: Credit, task: Hashable | None = None, compared: StepTerm | None = None) -> "StepGraph":
        """The graph of the batch, or of one of its tasks.

        A state that is the same in several tasks is a node in each. A finished attempt leads to an end, whatever its last `next_state_key` is; a truncated one
        to the state it was cut in. One pass over the steps.

        Args:
            batch: N steps with the columns `state_key`, `action_key`, `next_state_key`.
            credit: of this batch, by any assigner.
            task: one of its `group_ids`; all of them unless given.
            compared: what the groups are: `step_term(spec, batch)` for those of GiGPO with its options; by default visits to the same state, by the returns of
                the credit less their mean, which is GiGPO's step term for normalize="mean" and no similarity.

        Raises:
            CreditError: the task is not there, a column is missing, or the credit is of another batch.
        """
        if credit.advantages.shape != batch.rewards.shape:
            raise CreditError(f"The credit has {credit.advantages.size} steps and the batch {batch.rewards.size}: it is of another batch.")
        chosen = [i for i, group in enumerate(batch.group_ids.tolist()) if task is None or group == task]
        if task is not None and not chosen:
            known = list(dict.fromkeys(map(_text, batch.group_ids.tolist())))
            listed = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
            raise CreditError(f"No task of the batch has the key {task!r}.{near_miss(task, known)} Its tasks: {listed or 'none'}.")
        draft = _Draft(batch, credit)
        for trajectory in chosen:
            draft.add(trajectory)
        return draft.finished(state_term(batch, credit) if compared is None else compared)

    def to_dict(self) -> dict[str, Any]:
        """The graph as JSON values, the number of attempts among them."""
        return {**msgspec.to_builtins(self), "trajectories": self.trajectories}


def most_shared_task(batch: StepBatch) -> Hashable:
    """Key of the task whose attempts take the most steps in common; among tasks with several outcomes, where there is one.

    Raises:
        CreditError: the batch is empty, or a column is missing.
    """
    if not batch.group_ids.size:
        raise CreditError("The batch has no trajectories, so there is no task to look at.")
    tasks, edges = batch.tasks, by_edge(batch)
    taken = intersection(edges, Grouping(batch.trajectory_of_step, batch.lengths.size))  # an edge by an attempt, however often
    task_of_step = tasks.codes[batch.trajectory_of_step].astype(np.float64)
    of_task = [np.bincount(group_first(task_of_step, groups).astype(np.int64), minlength=tasks.count) for groups in (taken, edges)]
    common = of_task[0] - of_task[1]
    outcomes = np.where(np.isnan(batch.outcomes), 0.0, batch.outcomes)
    mixed = group_maxima(np.abs(deviations(outcomes, tasks)), tasks) > 0.0
    best = int(np.lexsort((-np.arange(tasks.count), common, mixed))[-1])
    return cast("Hashable", batch.group_ids.tolist()[int(np.flatnonzero(tasks.codes == best)[0])])


class _Draft:
    """Nodes and edges while trajectories are added."""

    def __init__(self, batch: StepBatch, credit: Credit) -> None:
        self.batch, self.credit = batch, credit
        self.state, self.action, self.following = (batch.column(name).tolist() for name in ("state_key", "action_key", "next_state_key"))
        self.observations = [step.observation for step in batch.steps] if batch.trajectories is not None else None
        self.attempts: list[int] = []
        self.numbers: dict[Hashable, int] = {}
        self.texts: dict[int, str] = {}
        self.came: dict[int, set[int]] = {}
        self.starts: Counter[int] = Counter()
        self.cut: Counter[int] = Counter()
        self.taken: dict[int, int] = {}
        self.edges: dict[tuple[int, int, Hashable], list[int]] = {}

    def add(self, trajectory: int) -> None:
        task, last = self.batch.group_ids[trajectory], int(self.batch.offsets[trajectory + 1]) - 1
        self.attempts.append(trajectory)
        for row in range(int(self.batch.offsets[trajectory]), last + 1):
            source = self._node((task, self.state[row]), trajectory)
            if self.observations is not None:
                self.texts.setdefault(source, self.observations[row])
            if row == int(self.batch.offsets[trajectory]):
                self.starts[source] += 1
            if row == last and not self.batch.truncated[trajectory]:
                outcome = float(self.batch.outcomes[trajectory])
                target = self._node((task, self.state[row], None if np.isnan(outcome) else outcome), trajectory)
            else:
                target = self._node((task, self.following[row]), trajectory)
                self.cut[target] += row == last
            self.taken[row] = source
            self.edges.setdefault((source, target, self.action[row]), []).append(row)

    def finished(self, compared: StepTerm) -> StepGraph:
        owner, depths, visits = self.batch.trajectory_of_step, self._depths(), Counter(self.taken.values())
        return StepGraph(
            tasks=tuple(dict.fromkeys(_text(cast("tuple[Hashable, ...]", key)[0]) for key in self.numbers)),
            attempts=tuple(self.attempts),
            nodes=tuple(
                self._state_node(cast("tuple[Hashable, ...]", key), number, depths.get(number, 0), visits[number]) for key, number in self.numbers.items()
            ),
            edges=tuple(
                StepEdge(source, target, _text(action), len(rows), len(set(owner[rows].tolist())), self._advantage(rows), tuple(rows))
                for (source, target, action), rows in self.edges.items()
            ),
            groups=self._groups(compared),
        )

    def _advantage(self, rows: list[int]) -> float | None:
        kept = self.credit.advantages[rows][self.credit.keep[rows]]
        return float(kept.mean()) if kept.size else None

    def _node(self, key: Hashable, trajectory: int) -> int:
        number = self.numbers.setdefault(key, len(self.numbers))
        self.came.setdefault(number, set()).add(trajectory)
        return number

    def _state_node(self, key: tuple[Hashable, ...], number: int, depth: int, taken: int) -> StateNode:
        task, state, *ending = key
        end = bool(ending)
        came = len(self.came[number])
        return StateNode(
            number=number,
            task=_text(task),
            key=_text(state),
            text="" if end else self.texts.get(number, _text(state)),
            depth=depth,
            visits=came if end else taken,
            trajectories=came,
            starts=self.starts[number],
            cut=self.cut[number],
            end=end,
            outcome=cast("float | None", ending[0]) if end else None,
        )

    def _groups(self, compared: StepTerm) -> tuple[StateGroup, ...]:
        members: dict[int, list[int]] = {}
        for place, (row, code) in enumerate(zip(compared.rows.tolist(), compared.visits.codes.tolist(), strict=True)):
            if row in self.taken:
                members.setdefault(code, []).append(place)
        groups = [self._group(compared, np.array(places, dtype=np.int64)) for places in members.values()]
        return tuple(sorted(groups, key=lambda group: group.nodes))

    def _group(self, compared: StepTerm, places: IntArray) -> StateGroup:
        rows, returns = compared.rows[places], compared.returns[places]
        together = Grouping(np.zeros(rows.size, dtype=np.int64), 1)
        return StateGroup(
            nodes=tuple(sorted({self.taken[row] for row in rows.tolist()})),
            mean=float(group_means(returns, together)[0]),
            spread=float(group_stds(deviations(returns, together), together)[0]) if rows.size > 1 else None,
            rows=tuple(rows.tolist()),
            trajectories=tuple(self.batch.trajectory_of_step[rows].tolist()),
            actions=tuple(_text(self.action[row]) for row in rows.tolist()),
            returns=tuple(returns.tolist()),
            step_advantages=tuple(compared.advantages[places].tolist()),
            advantages=tuple(self.credit.advantages[rows].tolist()),
        )

    def _depths(self) -> dict[int, int]:
        """Fewest steps to each node from any that an attempt began in, by breadth."""
        following: dict[int, list[int]] = {}
        for source, target, _ in self.edges:
            following.setdefault(source, []).append(target)
        depths = dict.fromkeys(sorted(self.starts), 0)
        waiting = deque(depths)
        while waiting:
            node = waiting.popleft()
            for target in following.get(node, ()):
                if target not in depths:
                    depths[target] = depths[node] + 1
                    waiting.append(target)
        return depths


def _text(key: Hashable) -> str:
    return key if isinstance(key, str) else key.decode(errors="replace") if isinstance(key, bytes) else str(key)
