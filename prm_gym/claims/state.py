"""Claims about steps in a service that keeps state: a shop, a calendar, a tracker."""

from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims.claim import Claim, Sparse

Value: TypeAlias = str | int | float | None
StepKind: TypeAlias = Literal["read", "write", "say", "end"]


class RowChange(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A cell of the database that a step changed. A row that appears has None before in every column, one that goes None after.

    Attributes:
        table: name of the table.
        key: of the row.
        column: name of the column.
        before: the value before the step.
        after: the value after it.
        final: nothing that the agent can do changes it back.
    """

    table: str
    key: str
    column: str
    before: Value
    after: Value
    final: bool = False

    @property
    def cell(self) -> tuple[str, str, str]:
        """Table, key and column."""
        return self.table, self.key, self.column

    @property
    def row(self) -> tuple[str, str]:
        """Table and key."""
        return self.table, self.key


class Gap(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A cell that is not as it should be in the end.

    Attributes:
        table: name of the table.
        key: of the row.
        column: name of the column.
        start: the value at the beginning of the episode.
        now: the value before the step; where it is not `start`, somebody has put a wrong value here.
        goal: the value that it should have in the end.
        final: nothing that the agent can do changes the value of now, where it is not that of the start.
        was_right: it had the right value at some earlier time of the episode, after a step.
        together: cells with the same word here belong to one wish: whoever sets one of them has to set all of its row at once, and those of other rows
            sooner or later. Empty where each stands alone.
    """

    table: str
    key: str
    column: str
    start: Value
    now: Value
    goal: Value
    final: bool = False
    was_right: bool = False
    together: str = ""

    @property
    def cell(self) -> tuple[str, str, str]:
        """Table, key and column."""
        return self.table, self.key, self.column

    @property
    def row(self) -> tuple[str, str]:
        """Table and key."""
        return self.table, self.key

    @property
    def stray(self) -> bool:
        """It has been changed, and wrongly."""
        return self.now != self.start


class Reference(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A thing that an argument names.

    Attributes:
        name: as it stands in the argument: a key, an address.
        table: where it should be.
        exists: it is there.
        shown_by: the steps whose answers showed it, from 0 on; -1 for what was shown at the beginning. Empty: nobody showed it, it is made up or guessed.
        astray: it exists and is nothing that this task may concern, such as what belongs to somebody else.
    """

    name: str
    table: str
    exists: bool = True
    shown_by: tuple[int, ...] = ()
    astray: bool = False


class Rule(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A rule of the policy that applies to a step.

    Attributes:
        name: of the rule.
        kept: whether the step keeps it.
        why: what breaks it, in words.
    """

    name: str
    kept: bool = True
    why: str = ""


class StateStep(Claim, msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="state_step"):
    """The step is right: it keeps the policy, speaks of what exists, and brings the service nearer to the state that is wanted.

    It holds what is needed to judge that. `gap` and `lacking` are taken before the step, so that the change of the state follows from `gap` and `changes`.

    Attributes:
        kind: `read` (asks the service), `write` (may change it), `say` (a message to whoever listens), `end` (ends the episode).
        call: equal exactly for equal calls or messages.
        references: the things that its arguments name.
        refused: why the service refused the call; empty where it did not.
        rules: the rules of the policy that apply.
        changes: what the step changed in the database, found in the database itself.
        gap: the cells that were not as they should be, before the step.
        lacking: what must have been done or said besides the rows, and had not been before the step.
        ends_well: of a step that ends the episode: it is the way in which the task should end.
        repeated: the same call was made before, in the same state, got the same answer, and changed nothing. Of pages, which may be looked at twice, the third
            time.
        milestones: those that the step reached for the first time.
        reached: how many milestones hold after the step.
        total: how many there are; 0 where there are none.
        mentions: keys of rows that a message names.
        acknowledges: a message owns up to a mistake.
        given_up: after the step something wanted has been given up by whoever wanted it, so that it cannot be had any more.
        goal_unknown: nobody has said what state is wanted, so that `gap` says nothing.
        idle: nothing came of the step: what is seen and the rows are as before.
        in_parts: cells of a row that is there already may be set in several steps, though they belong to one wish: forms are saved one after the other.
    """

    kind: StepKind
    call: str
    references: tuple[Reference, ...] = ()
    refused: str = ""
    rules: tuple[Rule, ...] = ()
    changes: tuple[RowChange, ...] = ()
    gap: tuple[Gap, ...] = ()
    lacking: tuple[str, ...] = ()
    ends_well: bool = False
    repeated: bool = False
    milestones: tuple[str, ...] = ()
    reached: int = 0
    total: int = 0
    mentions: tuple[str, ...] = ()
    acknowledges: bool = False
    given_up: bool = False
    goal_unknown: bool = False
    idle: bool = False
    in_parts: bool = False
