"""The tasks of the shop: which kinds there are at each difficulty, and how parts are put together to a scenario."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from prm_gym.claims import WantedItem
from prm_gym.envs.web import shop_account, shop_buying, shop_errands, shop_limits, shop_profile, shop_questions
from prm_gym.envs.web.shop_part import Draw
from prm_gym.envs.web.shop_rows import CUSTOMERS, NOW, TABLES, WORLDS, world_of
from prm_gym.web import Beginning, Maker, Part, Row, WebScenario, click, drawn, fill, joined, row_of

_ = shop_account, shop_profile  # their pages belong to the site

Makers = tuple[Maker[Draw], ...]
HOWS = ("named", "attributes", "cheapest", "rated")
EXTRAS = ("coupon", "gift", "address", "new-address", "delivery")
MOST_PHRASES = 7
LEVELS = {1: 16, 2: 28, 3: 44, 4: 60, 5: 80}


class Facts(NamedTuple):
    """What the environment knows of a task beside its goal.

    Attributes:
        world: number of the shop.
        customer: whose task it is.
        wanted: what is to be bought.
    """

    world: int
    customer: str
    wanted: tuple[WantedItem, ...]


_ask, _do, _buy = shop_questions, shop_errands, shop_buying
ASK_EASY: Makers = (
    *(partial(_ask.of_product, what=what) for what in ("rating", "material", "feature", "colours")),
    *(partial(_ask.of_order, what=what, numbered=True) for what in ("total", "status", "date", "arrived", "due", "city", "way")),
    *(partial(_ask.of_account, what=what) for what in ("orders", "cart", "wish", "default", "postcode", "city")),
)
ASK_MIDDLE: Makers = (
    *(partial(_ask.of_product, what=what) for what in ("weight", "town", "reviews", "reviewer")),
    *(partial(_ask.of_variant, what=what) for what in ("price", "stock")),
    *(partial(_ask.best_of, what=what) for what in ("cheapest", "dearest", "rated", "least-price")),
    *(partial(_ask.of_order, what=what, numbered=False) for what in ("total", "date", "arrived", "due", "city")),
)
ASK_HARD: Makers = (
    *(partial(_ask.compare, what=what, many=many) for what in ("cheaper", "dearer", "better") for many in (2, 3)),
    *(partial(_ask.compare_orders, what=what) for what in ("dearer", "sooner")),
    *(partial(_ask.count, what=what) for what in ("brand", "limit", "rating", "colour", "brand-limit")),
)


def _impossible(numbered: bool) -> Makers:
    late = (partial(shop_limits.too_late, what=what, numbered=numbered) for what in ("cancel", "address", "return"))
    return (*late, shop_limits.sold_out, shop_limits.too_dear, shop_limits.bad_coupon, shop_limits.too_many)


DO_EASY: Makers = (
    partial(_do.wish_for, how="named"),
    *(_do.unwish_one, _do.newsletter, _buy.remove_line, _do.default_address),
    partial(_do.cancel, numbered=True),
)


def _middle(numbered: bool) -> Makers:
    return (_buy.change_quantity, _do.drop_address, _do.new_email, partial(_do.again, numbered=numbered), partial(_do.readdress, numbered=numbered))


DO_HARD: Makers = (
    partial(_do.cancel, numbered=False),
    *(partial(_do.give_back, numbered=False, everything=everything) for everything in (False, True)),
    *(partial(_do.wish_for, how=how) for how in HOWS[1:]),
    *(partial(_do.change_address, columns=columns) for columns in (("street",), ("zip", "city"), ("street", "zip", "city"), ("label",))),
    *(_do.review, _do.new_address),
)
ASKED = {1: ASK_EASY, 2: ASK_MIDDLE, 3: (*ASK_MIDDLE, *ASK_HARD), 4: ASK_HARD, 5: ASK_HARD}
IMPOSSIBLE = {1: _impossible(numbered=True)[:1], 2: _impossible(numbered=True), **dict.fromkeys((3, 4, 5), _impossible(numbered=False))}
ERRANDS = {1: DO_EASY, 2: (*DO_EASY, *_middle(numbered=True)), 3: (*_middle(numbered=False), *DO_HARD)}


def _bought(draw: Draw, how_many: int, extras: int, pieces: int = 1) -> Part | None:
    """Some things are ordered, with something said beside."""
    chosen = draw.some(EXTRAS, len(EXTRAS))[:extras]
    if "address" in chosen and "new-address" in chosen:
        return None
    return _buy.buy(draw, [draw.one(HOWS) for _ in range(how_many)], chosen, pieces)


def _cart_order(draw: Draw, extras: int, change: bool) -> Part | None:
    """The cart is ordered."""
    return _buy.order_cart(draw, [draw.one(EXTRAS) for _ in range(extras)], change)


def _orders(*rows: tuple[int, int, int]) -> Makers:
    """Orders of so many things with so many extras, so many pieces of the first one."""
    return tuple(partial(_bought, how_many=things, extras=extras, pieces=pieces) for things, extras, pieces in rows)


_PUT: Makers = tuple(partial(_buy.put, how=how, pieces=pieces) for how in HOWS for pieces in (1, 2))
_CART: Makers = (partial(_cart_order, extras=0, change=False), partial(_cart_order, extras=1, change=False))
_LESS: Makers = (partial(_cart_order, extras=1, change=True),)
WITH_CART: Mapping[int, Makers] = {1: _PUT[:1], 2: _PUT, 3: (*_CART, *_PUT[2:]), 4: _LESS, 5: _LESS}
WITHOUT_CART: Mapping[int, Makers] = {
    1: _PUT[:1],
    2: (*_orders((1, 0, 1), (1, 0, 1)), _buy.buy_now, *_PUT[1:3]),
    3: (*_orders((1, 0, 1), (1, 1, 1), (1, 1, 1), (1, 0, 2)), _buy.buy_now),
    4: _orders((1, 2, 1), (1, 1, 3), (2, 0, 1), (2, 1, 1)),
    5: _orders((2, 2, 1), (3, 1, 1), (2, 1, 2), (3, 0, 1)),
}


def _purchase(draw: Draw, level: int) -> Part | None:
    """What can be bought, or put into the cart, by a customer who has something there or has not."""
    return draw.one((WITH_CART if draw.rows("cart") else WITHOUT_CART)[level])(draw)


def _purchases(level: int) -> Makers:
    return (partial(_purchase, level=level),)


ROWS: Mapping[int, tuple[Row, ...]] = {
    **{level: (Row(28, (ERRANDS[level],)), Row(30, (_purchases(level),))) for level in (1, 2, 3)},
    4: (Row(23, (ERRANDS[3], ERRANDS[3])), Row(10, (ERRANDS[2], ASKED[2])), Row(25, (_purchases(4),))),
    5: (Row(18, (ERRANDS[3], ERRANDS[3], ERRANDS[2])), Row(15, (_purchases(3), ERRANDS[3])), Row(25, (_purchases(5),))),
}


def new_scenario(entropy: int, level: int) -> WebScenario:
    """The task of a number at a difficulty."""
    world = world_of(entropy % WORLDS)
    rng = np.random.default_rng([entropy, level])
    rows = (Row(30, (ASKED[level],)), Row(12, (IMPOSSIBLE[level],)), *ROWS[level])
    while True:
        draw = Draw(rng, world, f"K{int(rng.integers(CUSTOMERS)) + 1}")
        parts = drawn(draw, row_of(rows, draw.roll()).pools)
        if parts is not None and _go_together(parts) and len({phrase for part in parts for phrase in part.phrases}) <= MOST_PHRASES:
            parts.sort(key=lambda part: (part.kind.startswith("ask"), part.kind.startswith(("cart", "buy"))))  # a new order would be another "latest" one
            return _scenario(draw, level, parts)


def _go_together(parts: list[Part]) -> bool:
    """Whether the parts of a task do not meet in a row or on a page where one would spoil the other."""
    families = [part.kind.partition("/")[0].replace("buy-now", "cart").replace("buy", "cart") for part in parts]
    families = ["cart" if part.kind.startswith("order/again") else family for part, family in zip(parts, families, strict=True)]
    if len(set(families)) < len(families):
        return False
    if "cart" in families and "address" in families:
        return False
    if "order" in families and any(part.kind.startswith("ask/order") for part in parts):
        return False
    return not ("order" in families and {"address", "review"} & set(families))


def _scenario(draw: Draw, level: int, parts: list[Part]) -> WebScenario:
    person = draw.person
    outside = level >= 3 and draw.chance(0.25) and parts[0].kind.partition("/")[0] not in ("ask", "impossible")
    wish = " ".join([parts[0].wish, *(f"{draw.say('Also:', 'And then:', 'Besides:')} {part.wish}" for part in parts[1:])])
    if outside:
        wish += f" Sign in as {person['email']} with the password {person['password']}"
        entry = (click("link", "Sign in"), fill("E-mail", person["email"]), fill("Password", person["password"]), click("button", "Sign in now"))
        parts[0] = replace(parts[0], script=(*entry, *parts[0].script))
        last = parts[-1]
        parts[-1] = replace(last, kind=f"{last.kind}/signed-out", phrases=(*last.phrases, person["email"], person["password"]))
    memory = {"world": draw.world.number, "user": "" if outside else draw.customer}
    facts = Facts(draw.world.number, draw.customer, tuple(item for part in parts for item in part.facts))
    return joined(Beginning(TABLES, draw.world.image, "http://shop.test/", memory, NOW), parts, wish, facts)
