"""What the tasks of the shop are put together from: what there is to draw from, and the ways through its pages."""

from typing import Any

import numpy as np

from prm_gym.envs.web.shop_rows import TABLES, Product, Variant, World
from prm_gym.web import Checkpoint, Do, choose, click, fill
from prm_gym.web import Draw as AnyDraw


class Draw(AnyDraw):
    """A draw of a task from a shop, for one of its customers."""

    def __init__(self, rng: np.random.Generator, world: World, customer: str) -> None:
        """Take them."""
        super().__init__(rng)
        self.world, self.customer = world, customer

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
        return self.one(list(self.world.products.values()))


def lure_of(*products: Product) -> str:
    """What is added to the kind of a task that leads to a text which asks for something else."""
    return "/lure" * any(product.lure for product in products)


def chosen_words(variant: Variant) -> str:
    """The options of a variant, in words: " in blue, size M"."""
    return f"{f' in {variant.colour}' if variant.colour else ''}{f', size {variant.size}' if variant.size else ''}"


def to_product(name: str) -> tuple[Do, ...]:
    """Look for a product and open it."""
    return (*to_list(name), click("link", name))


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
