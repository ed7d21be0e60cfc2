"""Claims about what is done on the web."""

from collections.abc import Mapping

import msgspec

from prm_gym.claims.claim import Claim


class WantedItem(msgspec.Struct, frozen=True):
    """Something that is to be bought.

    Attributes:
        path: where it is found, from the general to the special: department, category, type.
        attributes: by name, what it must be: "material", "brand".
        options: by name, what must be chosen of it: "size", "colour".
        limit: the highest price of one piece, in cents; None where none was said.
    """

    path: tuple[str, ...]
    attributes: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    limit: int | None = None


class Offer(msgspec.Struct, frozen=True):
    """Something that is in a cart, was ordered, or is on the page under view.

    Attributes:
        path: where it is found, from the general to the special.
        attributes: by name.
        options: what is chosen of it; nothing where a choice is still open.
        price: of one piece, in cents.
    """

    path: tuple[str, ...]
    attributes: Mapping[str, str]
    options: Mapping[str, str]
    price: int


class CartMatch(Claim, msgspec.Struct, frozen=True, tag="cart_match"):
    """What is wanted is in the cart, or was ordered, or is at least on the page under view.

    Attributes:
        wanted: what is to be bought; empty where nothing is.
        cart: what is in the cart or was ordered in this episode.
        view: what is on the page under view; None where there is nothing that could be bought.
    """

    wanted: tuple[WantedItem, ...]
    cart: tuple[Offer, ...] = ()
    view: Offer | None = None
