"""The tasks of the shop: which kinds there are at each difficulty, and how parts are put together to a scenario."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from prm_gym.claims import WantedItem
from prm_gym.envs.web import shop_account, shop_buying, shop_errands, shop_limits, shop_profile, shop_questions
from prm_gym.envs.web.shop_part import Draw, Part
from prm_gym.envs.web.shop_rows import CUSTOMERS, NOW, TABLES, WORLDS, pick, world_of
from prm_gym.services import goal_of
from prm_gym.web import Do, WebScenario, click, fill

_ = shop_account, shop_profile  # their pages belong to the site

Maker = Callable[[Draw], Part | None]
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
        buys_now: the customer has asked for an order without a review.
    """

    world: int
    customer: str
    wanted: tuple[WantedItem, ...]
    buys_now: bool


def _questions(level: int) -> list[Maker]:
    ask = shop_questions
    easy: list[Maker] = [
        *(partial(ask.of_product, what=what) for what in ("rating", "material", "feature", "colours")),
        *(partial(ask.of_order, what=what, numbered=True) for what in ("total", "status", "date", "arrived", "due", "city", "way")),
        *(partial(ask.of_account, what=what) for what in ("orders", "cart", "wish", "default", "postcode", "city")),
    ]
    middle: list[Maker] = [
        *(partial(ask.of_product, what=what) for what in ("weight", "town", "reviews", "reviewer")),
        *(partial(ask.of_variant, what=what) for what in ("price", "stock")),
        *(partial(ask.best_of, what=what) for what in ("cheapest", "dearest", "rated", "least-price")),
        *(partial(ask.of_order, what=what, numbered=False) for what in ("total", "date", "arrived", "due", "city")),
    ]
    hard: list[Maker] = [
        *(partial(ask.compare, what=what, many=many) for what in ("cheaper", "dearer", "better") for many in (2, 3)),
        *(partial(ask.compare_orders, what=what) for what in ("dearer", "sooner")),
        *(partial(ask.count, what=what) for what in ("brand", "limit", "rating", "colour", "brand-limit")),
    ]
    return {1: easy, 2: middle, 3: [*middle, *hard], 4: hard, 5: hard}[level]


def _impossible(level: int) -> list[Maker]:
    ask = shop_limits
    numbered = level < 3
    late: list[Maker] = [partial(ask.too_late, what=what, numbered=numbered) for what in ("cancel", "address", "return")]
    return [*late, ask.sold_out, ask.too_dear, ask.bad_coupon, partial(ask.unsent, what="pieces")] if level > 1 else late[:1]


def _errands(level: int) -> list[Maker]:
    do = shop_errands
    numbered = level < 3
    easy: list[Maker] = [
        partial(do.wish_for, how="named"),
        do.unwish_one,
        do.newsletter,
        shop_buying.remove_line,
        do.default_address,
        partial(do.cancel, numbered=True),
    ]
    middle: list[Maker] = [
        shop_buying.change_quantity,
        do.drop_address,
        do.new_email,
        partial(do.again, numbered=numbered),
        partial(do.readdress, numbered=numbered),
    ]
    hard: list[Maker] = [
        partial(do.cancel, numbered=False),
        *(partial(do.give_back, numbered=numbered, everything=everything) for everything in (False, True)),
        *(partial(do.wish_for, how=how) for how in HOWS[1:]),
        *(partial(do.change_address, columns=columns) for columns in (("street",), ("zip", "city"), ("street", "zip", "city"), ("label",))),
        do.review,
        do.new_address,
    ]
    return {1: easy, 2: [*easy, *middle], 3: [*middle, *hard], 4: hard, 5: hard}[level]


def _purchases(level: int, draw: Draw) -> list[Maker]:
    buying = shop_buying

    def bought(how_many: int, extras: int, pieces: int = 1) -> Maker:
        def make(draw: Draw) -> Part | None:
            order: list[int] = draw.rng.permutation(len(EXTRAS)).tolist()
            chosen = [EXTRAS[i] for i in order[:extras]]
            if "address" in chosen and "new-address" in chosen:
                return None
            return buying.buy(draw, [pick(draw.rng, HOWS) for _ in range(how_many)], chosen, pieces)

        return make

    def cart_order(extras: int, change: bool) -> Maker:
        return lambda draw: buying.order_cart(draw, [EXTRAS[int(draw.rng.integers(len(EXTRAS)))]] if extras else [], change)

    one = [partial(buying.put, how=how, pieces=pieces) for how in HOWS for pieces in (1, 2)]
    if draw.rows("cart"):
        return {1: one[:1], 2: one, 3: [cart_order(0, False), cart_order(1, False), *one[2:]], 4: [cart_order(1, True)], 5: [cart_order(1, True)]}[level]
    return {
        1: one[:1],
        2: [bought(1, 0), bought(1, 0), buying.buy_now, *one[1:3]],
        3: [bought(1, 0), bought(1, 1), bought(1, 1), bought(1, 0, 2), buying.buy_now],
        4: [bought(1, 2), bought(1, 1, 3), bought(2, 0), bought(2, 1)],
        5: [bought(2, 2), bought(3, 1), bought(2, 1, 2), bought(3, 0)],
    }[level]


def new_scenario(entropy: int, level: int) -> WebScenario:
    """The task of a number at a difficulty."""
    world = world_of(entropy % WORLDS)
    rng = np.random.default_rng([entropy, level])
    while True:
        draw = Draw(rng, world, f"K{int(rng.integers(CUSTOMERS)) + 1}")
        parts = _parts(draw, level)
        if parts is not None and len({phrase for part in parts for phrase in part.phrases}) <= MOST_PHRASES:
            return _scenario(draw, level, parts)


def _parts(draw: Draw, level: int) -> list[Part] | None:
    """What a task consists of; None where the draw does not do."""
    roll = float(draw.rng.random())
    if roll < 0.3:
        makers = [_questions(level)]
    elif roll < 0.42:
        makers = [_impossible(level)]
    elif level < 4:
        makers = [_errands(level) if roll < 0.7 else _purchases(level, draw)]
    elif level == 4:
        makers = [_errands(3), _errands(3)] if roll < 0.65 else [_errands(2), _questions(2)] if roll < 0.75 else [_purchases(4, draw)]
    else:
        makers = [_errands(3), _errands(3), _errands(2)] if roll < 0.6 else [_purchases(3, draw), _errands(3)] if roll < 0.75 else [_purchases(5, draw)]
    parts: list[Part] = []
    for choices in makers:
        part = pick(draw.rng, choices)(draw)
        if part is None:
            return None
        parts.append(part)
    parts.sort(key=lambda part: (part.kind.startswith("ask"), part.kind.startswith(("cart", "buy"))))  # a new order would be another "latest" one
    return parts if _go_together(parts) else None


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
    works = {f"{name}{f' {place}' * (place > 0)}": work for place, part in enumerate(parts) for name, work in part.works.items()}
    goals = goal_of(TABLES, draw.world.image, works.values())
    wish = " ".join([parts[0].wish, *(f"{draw.say('Also:', 'And then:', 'Besides:')} {part.wish}" for part in parts[1:])])
    entry: tuple[Do, ...] = ()
    phrases = [phrase for part in parts for phrase in part.phrases]
    if outside:
        wish += f" Sign in as {person['email']} with the password {person['password']}"
        entry = (click("link", "Sign in"), fill("E-mail", person["email"]), fill("Password", person["password"]), click("button", "Sign in now"))
        phrases += [person["email"], person["password"]]
    answers = next((part.answers for part in parts if part.answers), ())
    script = [*entry, *(step for part in parts for step in part.script), Do("answer", text=answers[0] if answers else "")]
    points = {point.name: point for part in parts for point in part.checkpoints}
    return WebScenario(
        kind=f"{'+'.join(part.kind for part in parts)}{'/signed-out' * outside}",
        image=draw.world.image,
        start="http://shop.test/",
        memory={"world": draw.world.number, "user": "" if outside else draw.customer},
        now=NOW,
        wish=wish,
        goal={cell: value for goal in goals for cell, value in goal.items()},
        milestones={name: tuple(goal) for name, goal in zip(works, goals, strict=True) if goal},
        checkpoints=tuple(points.values()),
        script=tuple(script),
        passing={cell: values for part in parts for cell, values in part.passing.items()},
        required=frozenset(name for part in parts for name in part.required),
        answers=answers,
        phrases=tuple(dict.fromkeys(phrases)),
        facts=Facts(draw.world.number, draw.customer, tuple(item for part in parts for item in part.wanted), any(part.buys_now for part in parts)),
    )
