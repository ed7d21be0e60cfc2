"""What a task of the shop is put together from: parts, each with its wish, what it leads to, its milestones and its script."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prm_gym.claims import Value, WantedItem
from prm_gym.envs.web.shop_rows import TABLES, Product, Variant, World, pick
from prm_gym.services import Cell, Database
from prm_gym.web import Checkpoint, Do, choose, click, fill

Work = Callable[[Database], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that is asked of the agent.

    Attributes:
        kind: such as "wishlist/add".
        wish: in words, as a sentence or two.
        works: what leads to the state that is wanted, by name of the milestone.
        script: a way to it.
        checkpoints: milestones on this way.
        required: those without which nothing is won.
        answers: right answers, where something is asked.
        phrases: what is typed on the way.
        passing: see `WebScenario`.
        wanted: what is to be bought.
        buys_now: the customer has asked for an order without a review.
    """

    kind: str
    wish: str
    works: Mapping[str, Work] = field(default_factory=dict[str, Work])
    script: tuple[Do, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    required: frozenset[str] = frozenset()
    answers: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    passing: Mapping[Cell, tuple[Value, ...]] = field(default_factory=dict[Cell, tuple[Value, ...]])
    wanted: tuple[WantedItem, ...] = ()
    buys_now: bool = False


class Draw:
    """A draw of a task: the random numbers, the shop, and the customer whose task it is."""

    def __init__(self, rng: np.random.Generator, world: World, customer: str) -> None:
        """Take them."""
        self.rng, self.world, self.customer = rng, world, customer

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The customer's rows of a table, at the beginning."""
        columns = list(next(one for one in TABLES if one.name == table).columns)
        found = [dict(zip(columns, row, strict=True)) for row in self.world.rows[table]]
        return [row for row in found if row.get("customer", row["key"]) == self.customer]

    def lines(self, order: str) -> list[dict[str, Any]]:
        """The lines of an order."""
        found = [row for row in self.world.rows["lines"] if row[1] == order]
        return [dict(zip(("key", "order_key", "variant", "quantity", "price", "returned"), row, strict=True)) for row in found]

    @property
    def person(self) -> dict[str, Any]:
        """The row of the customer."""
        return self.rows("customers")[0]

    def product(self) -> Product:
        """Any product."""
        return pick(self.rng, list(self.world.products.values()))

    def say(self, *phrasings: str) -> str:
        """One of some ways to say a thing."""
        return pick(self.rng, phrasings)

    def chance(self, share: float) -> bool:
        """True so often."""
        return float(self.rng.random()) < share


def lure_of(*products: Product) -> str:
    """What is added to the kind of a task that leads to a text which asks for something else."""
    return "/lure" * any(product.lure for product in products)


def chosen_words(variant: Variant) -> str:
    """The options of a variant, in words: " in blue, size M"."""
    return f"{f' in {variant.colour}' if variant.colour else ''}{f', size {variant.size}' if variant.size else ''}"


def to_product(name: str, phrase: str = "") -> tuple[Do, ...]:
    """Look for a product and open it."""
    return (*to_list(phrase or name), click("link", name))


def to_list(phrase: str) -> tuple[Do, ...]:
    """Look for something."""
    return fill("Search the shop", phrase, "searchbox"), click("button", "Search")


def choosing(variant: Variant) -> tuple[Do, ...]:
    """Choose colour and size."""
    colour = (choose("Colour", variant.colour),) if variant.colour else ()
    return (*colour, choose("Size", variant.size)) if variant.size else colour


def found(product: Product) -> Checkpoint:
    """The product stands in a list."""
    return Checkpoint(f"found {product.key}", path=r"/(search|c|d)\b.*", shows=product.name)


def shown(product: Product) -> Checkpoint:
    """The product, in a list or on its page; both tell its price, rating, material, feature and colours."""
    return Checkpoint(f"read {product.key}", path=r"/(p|search|c|d)\b.*", shows=product.name)


def opened(product: Product) -> Checkpoint:
    """The page of a product."""
    return Checkpoint(f"opened {product.key}", path=rf"/p/{product.key}(\?.*)?")


def options_path(product: Product, variant: Variant) -> str:
    """The page of a product with its options chosen, as a regular expression."""
    from re import escape
    from urllib.parse import urlencode

    asked = [escape(urlencode({name: value})) for name, value in (("colour", variant.colour), ("size", variant.size)) if value]
    return rf"/p/{product.key}" + (rf"\?{''.join(f'(?=(.*&)?{one}(&|$))' for one in asked)}.*" if asked else r"(\?.*)?")
