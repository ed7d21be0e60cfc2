"""One budget for every method of search: what may be spent on a task, and what was.

What an agent step, a verifier call or a step of the environment costs is known before it is made, so it is charged beforehand and the bound is never passed.
How many tokens an action takes is not: the most that it may take is set aside, and what was not used is given back.
"""

from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.errors import OptionError, UnknownNameError

Unit: TypeAlias = Literal["agent_steps", "verifier_calls", "env_steps", "tokens"]
"""What a budget is counted in."""


class Spent(msgspec.Struct, kw_only=True):
    """What was spent on a task.

    A step from a state that the infrastructure could not put back counts as if it had been taken: so a search ends though nothing comes back.

    Attributes:
        agent_steps: actions that agents were asked for. A step that an agent begins and finishes later is one.
        verifier_calls: steps, or beginnings of steps, that the verifier was given.
        env_steps: that were taken, those that were replayed among them. A step that had been taken from the same state before costs none.
        tokens: that agents wrote (what they read is not counted); None where an agent does not say.
    """

    agent_steps: int = 0
    verifier_calls: int = 0
    env_steps: int = 0
    tokens: int | None = 0


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent on a task; None for no bound.

    Attributes:
        agent_steps: actions that agents are asked for, >= 1.
        verifier_calls: steps that the verifier is given, >= 1.
        env_steps: steps of the environment, >= 1.
        tokens: that agents write, >= 1. Needs `action_tokens`.
        action_tokens: the most that one action takes: the agent's own limit, >= 1.
    """

    agent_steps: int | None = None
    verifier_calls: int | None = None
    env_steps: int | None = None
    tokens: int | None = None
    action_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise OptionError(f"{name} of a budget is an integer from 1 on, or None for no bound, got {value!r}")
        if self.tokens is not None and self.action_tokens is None:
            raise OptionError("a budget in tokens needs action_tokens, the most that the agent writes in one action: else it could not be kept")

    @classmethod
    def of(cls, unit: str, amount: int, action_tokens: int | None = None) -> "Budget":
        """A budget with one bound.

        Args:
            unit: a name of `Unit`.
            amount: the bound.
            action_tokens: see the class.

        Raises:
            UnknownNameError: no such unit.
        """
        if unit not in get_args(Unit):
            raise UnknownNameError("unit of a budget", unit, get_args(Unit))
        return msgspec.structs.replace(cls(action_tokens=action_tokens), **{unit: amount})


class Ledger:
    """What is left of a task's budget."""

    def __init__(self, budget: Budget) -> None:
        """Begin with nothing spent."""
        self.budget, self.spent = budget, Spent()
        self.refused = False
        self._aside = 0

    def charge(self, *, agent_steps: int = 0, verifier_calls: int = 0, env_steps: int = 0, most_tokens: int | None = 0) -> bool:
        """Charge what is about to be done, all of it or, where the budget does not hold it, nothing.

        Args:
            agent_steps: see `Spent`.
            verifier_calls: likewise.
            env_steps: likewise.
            most_tokens: set aside until `settle`; None for `action_tokens` of the budget.

        Returns:
            Whether it was charged.
        """
        budget, spent = self.budget, self.spent
        tokens = (budget.action_tokens or 0) if most_tokens is None else most_tokens
        wanted = (
            (budget.agent_steps, spent.agent_steps + agent_steps),
            (budget.verifier_calls, spent.verifier_calls + verifier_calls),
            (budget.env_steps, spent.env_steps + env_steps),
            (budget.tokens, (spent.tokens or 0) + self._aside + tokens),
        )
        if any(bound is not None and amount > bound for bound, amount in wanted):
            self.refused = True
            return False
        spent.agent_steps, spent.verifier_calls, spent.env_steps = wanted[0][1], wanted[1][1], wanted[2][1]
        if budget.tokens is not None:
            self._aside += tokens
        return True

    def settle(self, written: int | None, most_tokens: int | None = None) -> None:
        """Count the tokens that were written, and give back what was set aside for them.

        Args:
            written: tokens of the action; None where the agent does not say.
            most_tokens: what was set aside, as in `charge`.

        Raises:
            OptionError: the budget is in tokens and the agent does not say, or wrote more than was set aside.
        """
        budget = self.budget
        if budget.tokens is not None:
            aside = (budget.action_tokens or 0) if most_tokens is None else most_tokens
            self._aside -= aside
            if written is None:
                raise OptionError("the budget is in tokens, and this agent does not say how many it wrote: choose another unit")
            if written > aside:
                raise OptionError(f"an action took {written} tokens where action_tokens promises at most {aside}: set it to the agent's own limit")
        self.spent.tokens = None if written is None or self.spent.tokens is None else self.spent.tokens + written

    def refund(self, *, verifier_calls: int = 0, env_steps: int = 0) -> None:
        """Give back what was charged and not needed.

        Args:
            verifier_calls: see `Spent`.
            env_steps: likewise.
        """
        self.spent.verifier_calls -= verifier_calls
        self.spent.env_steps -= env_steps

    def holds(self, steps: int, judge: bool) -> int | None:
        """How many attempts of so many steps what is left is certain to hold; None where nothing bounds them.

        Args:
            steps: of each attempt, >= 1.
            judge: each step is given to the verifier.
        """
        budget, spent = self.budget, self.spent
        bounds = [(budget.agent_steps, spent.agent_steps, 1), (budget.env_steps, spent.env_steps, 1)]
        bounds.append((budget.tokens, spent.tokens or 0, budget.action_tokens or 1))
        if judge:
            bounds.append((budget.verifier_calls, spent.verifier_calls, 1))
        left = [(bound - used) // (steps * price) for bound, used, price in bounds if bound is not None]
        return min(left) if left else None
