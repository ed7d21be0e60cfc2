"""What a method of search is, and what it is given: a tree of one task with a budget.

class First(SearchMethod, frozen=True, kw_only=True):
    def search(self, tree):
        ended = yield from play_out([tree.root])
        return tree.choice(ended)

A package declares its own as an entry point of the group `prm_gym.search`.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from prm_gym.claims import Spoilt
from prm_gym.errors import ContractError, OptionError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.prm.aggregation import AGGREGATORS, aggregate, check_undecided
from prm_gym.search.budget import Ledger
from prm_gym.search.node import Node

MOST_ATTEMPTS = 256
"""What "as many as the budget holds" comes to at most: an agent that always does the same costs the environment nothing."""


class Valuation(msgspec.Struct, frozen=True, kw_only=True):
    """From the scores of steps to the value of where they lead.

    Attributes:
        how: min, product, mean, last or soft-min (`prm_gym.prm.aggregation`).
        undecided: "right": steps without a score are passed over; "miss": one of them leaves what follows without a value.
        unknown: where a node without a value stands among the others, in [0, 1]. It is no value, and is reported as none.
    """

    how: str = "min"
    undecided: str = "right"
    unknown: float = 0.5

    def __post_init__(self) -> None:
        if self.how not in AGGREGATORS or not 0.0 <= self.unknown <= 1.0:
            raise OptionError(f"how is one of {', '.join(AGGREGATORS)} and unknown lies in [0, 1], got {self!r}")
        check_undecided(self.undecided)

    def value(self, node: Node) -> float | None:
        """Of the steps that lead to a node; None for the root, and where the verifier cannot tell."""
        return aggregate(node.scores, self.how, "miss" if self.undecided == "miss" else "right")

    def estimate(self, node: Node) -> float:
        """The value, or `unknown` where there is none; 1 for the root, of which nothing wrong is known."""
        value = self.value(node)
        if value is not None:
            return value
        return self.unknown if node.scores else 1.0


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to.

    Attributes:
        node: where the chosen attempt ended; None where none did.
        attempts: where all attempts ended, in order; one that another came to the same end as stands there twice.
        reason: why there is no node; else empty.
        notes: numbers about the search, by name.
    """

    node: Node | None
    attempts: tuple[Node, ...] = ()
    reason: str = ""
    notes: dict[str, float] = {}


class Tree:
    """One task under search.

    Attributes:
        root: its beginning.
        ledger: what is left of the budget.
        valuation: how nodes are valued.
        rng: of the method's own choices.
        horizon: steps that an attempt is expected to take at most; budgets are shared out by it.
        spoilt: steps that the infrastructure spoilt so far.
    """

    def __init__(self, root: Node, ledger: Ledger, valuation: Valuation, rng: np.random.Generator, horizon: int) -> None:
        """Put it together."""
        self.root, self.ledger, self.valuation, self.rng, self.horizon = root, ledger, valuation, rng, horizon
        self.spoilt = 0

    def value(self, node: Node) -> float:
        """Of a node, in [0, 1]; see `Valuation.estimate`."""
        return self.valuation.estimate(node)

    def rank(self, node: Node) -> tuple[bool, float]:
        """Order of ended attempts: one that came to its own end stands before one that was cut or spoilt, whatever their values."""
        return (node.finished, self.value(node))

    def best(self, nodes: Sequence[Node]) -> Node | None:
        """The ended and valid attempt of the highest rank, the first of equal ones; None without any."""
        ended = [node for node in nodes if node.ended and node.valid]
        return max(ended, key=self.rank) if ended else None

    def choice(self, attempts: Sequence[Node], chosen: Node | None = None, **notes: float) -> Choice:
        """The best of the attempts, or a given one.

        Args:
            attempts: those that have not ended are left out.
            chosen: instead of the best.
            **notes: see `Choice`.
        """
        ended = tuple(node for node in attempts if node.ended)
        node = chosen or self.best(ended)
        if node is not None:
            return Choice(node=node, attempts=ended, notes=notes)
        why = next((claim.reason for each in ended if each.step is not None for claim in each.step.claims if isinstance(claim, Spoilt)), "")
        reason = f"the infrastructure spoilt every attempt{f': {why}' if why else ''}" if self.spoilt else "no attempt came to an end"
        return Choice(node=None, attempts=ended, reason=reason + (": the budget was used up" if self.ledger.refused else ""), notes=notes)

    def wave(self, wanted: int | None, default: int, judge: bool = True) -> int:
        """How many attempts to play side by side now: as many as the budget is certain to hold, and at least one, for an attempt may be shorter than `horizon`.

        Args:
            wanted: how many are still wanted; None for as many as the budget holds.
            default: how many there are where nothing bounds them.
            judge: each step is given to the verifier.
        """
        held = self.ledger.holds(self.horizon, judge)
        if held is None:
            return default if wanted is None else wanted
        return max(1, min(held, MOST_ATTEMPTS if wanted is None else wanted))

    def most(self, wanted: int | None, bounded: int, default: int) -> int:
        """How often to search: as often as is wanted; else `bounded` times, of which the budget stops the most, and `default` times without a budget."""
        if wanted is not None:
            return wanted
        return default if self.ledger.holds(1, judge=True) is None else bounded


class SearchMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A method of search: its options are its fields."""

    @abstractmethod
    def search(self, tree: Tree) -> Any:
        """Search one task: an `Asking[Choice]`, a generator that yields requests and returns a `Choice`."""


MethodFactory: TypeAlias = Callable[..., SearchMethod]
METHODS: Registry[MethodFactory] = Registry("prm_gym.search", "search method")


def make_method(spec: str | SearchMethod) -> SearchMethod:
    """The method that a specification names: "beam", "beam?width=4&expand=4", or a method.

    Raises:
        UnknownNameError: no method has that name; says the near miss.
        OptionError: an option does not fit.
        ContractError: what came out is no method.
    """
    if isinstance(spec, SearchMethod):
        return spec
    name, options = split_options(spec.strip())
    method: Any = make("search method", name, METHODS.load(name), **options)
    if not isinstance(method, SearchMethod):
        raise ContractError(f"the search method {name!r} made a {type(method).__name__}, not a SearchMethod")
    return method


def require(method: SearchMethod, **bounds: tuple[float, float]) -> None:
    """Raise unless options lie within bounds.

    Args:
        method: whose options.
        **bounds: least and greatest value of each; None is let through where the option allows it.

    Raises:
        OptionError: one does not.
    """
    for name, (least, greatest) in bounds.items():
        value = getattr(method, name)
        if value is not None and not least <= value <= greatest:
            raise OptionError(f"{name} of {type(method).__name__} lies from {least:g} to {greatest:g}, got {value!r}")
