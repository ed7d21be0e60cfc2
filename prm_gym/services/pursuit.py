"""How far a task in a stateful service has come: which cells are not as they should be, and which milestones were reached."""

from collections.abc import Iterable, Mapping, Sequence

from prm_gym.claims import Gap, Json, RowChange, Value
from prm_gym.services.database import Cell, Database


class Pursuit:
    """The pursuit of a goal over the rows of a database.

    Attributes:
        reached: the milestones that were reached, in order.
        right: the cells that had their wanted value at some time.
    """

    def __init__(
        self,
        rows: Database,
        goal: Mapping[Cell, Value],
        milestones: Mapping[str, Sequence[Cell]],
        passing: Mapping[Cell, Sequence[Value]] | None = None,
    ) -> None:
        """Begin at the beginning of an episode.

        Args:
            rows: the database.
            goal: the cells that differ from the beginning in the end, with their values then.
            milestones: by name the cells that are as they should be when it is reached.
            passing: values that cells may have on the way to the goal, and not in the end (a cart before it is ordered).
        """
        self.rows, self.goal, self.milestones, self.passing = rows, goal, milestones, passing or {}
        self.reached: list[str] = []
        self.right: set[Cell] = set()
        self._together = {cell: name for name, cells in milestones.items() for cell in cells}

    def gap(self, changes: Iterable[RowChange] = (), ended: bool = False) -> tuple[Gap, ...]:
        """The cells that are not as they should be, as the rows are now.

        Args:
            changes: of the step that was taken since; with them the gap is that before the step, and a value that a cell may pass through counts as wanted.
            ended: nothing comes after this: what may only be passed through is not as it should be.
        """
        rows, done = self.rows, {change.cell: change for change in changes}
        found: list[Gap] = []
        for cell in sorted(self.goal.keys() | rows.changed().keys() | done.keys()):
            if rows.is_free(cell):
                continue
            start, now = rows.start_and_now(cell)
            change = done.get(cell)
            before, after = (now, now) if change is None else (change.before, change.after)
            wanted = self.goal.get(cell, start)
            passing = self.passing.get(cell, ())
            if change is not None and after in passing and after != wanted:
                wanted = after
            elif change is None and before in passing and not ended:
                continue
            if before == wanted:
                continue
            final = before != start and rows.is_one_way(cell)
            right, together = cell in self.right, self._together.get(cell, "")
            found.append(Gap(*cell, start=start, now=before, goal=wanted, final=final, was_right=right, together=together))
        return tuple(found)

    def is_done(self) -> bool:
        """Whether all cells are as they should be in the end; what may only be passed through must be gone."""
        rows = self.rows
        if any(rows.start_and_now(cell)[1] != value for cell, value in self.goal.items()):
            return False
        return all(cell in self.goal or rows.is_free(cell) for cell in rows.changed())

    def reach(self, names: Iterable[str]) -> tuple[str, ...]:
        """Note milestones, and those that the rows now fulfil; the ones that are new."""
        found = [*names, *(name for name in self.milestones if name not in self.reached and self.holds(name))]
        new = tuple(dict.fromkeys(name for name in found if name not in self.reached))
        self.reached += new
        for cell, (_, now) in self.rows.changed().items():
            if (cell in self.goal and self.goal[cell] == now) or now in self.passing.get(cell, ()):
                self.right.add(cell)
        return new

    def holds(self, milestone: str) -> bool:
        """Whether a milestone of rows is as it should be now."""
        return all(self.rows.start_and_now(cell)[1] == self.goal[cell] for cell in self.milestones[milestone])

    def holding(self) -> int:
        """How many of the milestones that were reached still hold; what was seen or said once holds for ever."""
        return sum(name not in self.milestones or self.holds(name) for name in self.reached)

    def save(self) -> Json:
        """What was reached, as JSON values."""
        return {"reached": list(self.reached), "right": [list(cell) for cell in sorted(self.right)]}

    def load(self, state: Mapping[str, list[str]]) -> None:
        """Put back what `save` gave."""
        self.reached = list(state["reached"])
        self.right = {(table, key, column) for table, key, column in state["right"]}
