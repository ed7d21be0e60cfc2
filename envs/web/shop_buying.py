"""Tasks of the shop in which something is bought, or the cart is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prm_gym.claims import Value
from prm_gym.envs.web.shop_acts import Ways, add_address, costs, place_order, put_into_cart, set_quantity
from prm_gym.envs.web.shop_checkout import FIELD_LABELS, address_line, summary
from prm_gym.envs.web.shop_part import Draw, lure_of
from prm_gym.envs.web.shop_rows import euros
from prm_gym.envs.web.shop_targets import new_target
from prm_gym.envs.web.shop_words import CITIES, COUPONS, DELIVERIES, FIRST_NAMES, GIFT_CENTS, LABELS, LAST_NAMES, STREETS
from prm_gym.services import Cell, Database
from prm_gym.web import Checkpoint, Do, Part, Way, Work, click, fill

MESSAGES = ("Happy birthday!", "With love from all of us", "Good luck in the new flat", "Thank you for everything", "See you in spring")


@dataclass(slots=True)
class _Order:
    """An order that is put together.

    Attributes:
        wish: sentences beside the one that says what is bought.
        typed: phrases.
        at_cart: what is done in the cart.
        to_delivery: what is done between the address and the delivery.
        delivery: what is done on the page of the delivery.
        options: of `place_order`.
        address: a new one.
        kinds: what it has of its own.
    """

    wish: list[str]
    typed: list[str]
    at_cart: list[Do]
    to_delivery: tuple[Do, ...]
    delivery: tuple[Do, ...]
    options: dict[str, Any]
    address: dict[str, str] | None
    kinds: list[str]


def _with_extras(draw: Draw, extras: Sequence[str]) -> _Order:
    order = _Order([], [], [], (click("button", "Continue"),), (click("button", "Continue"),), {"address": draw.person["address"]}, None, [])
    for extra in sorted(extras):
        order.kinds.append(extra)
        _EXTRAS[extra](draw, order)
    return order


def _coupon(draw: Draw, order: _Order) -> None:
    code = draw.one(list(COUPONS))
    order.options["coupon"] = code
    order.wish.append(draw.say(f"Use the coupon {code}.", f"I have a coupon, {code}, please use it.", f"The coupon code is {code}."))
    order.typed.append(code)
    order.at_cart += [fill("Coupon code", code), click("button", "Apply coupon")]


def _gift(draw: Draw, order: _Order) -> None:
    message = draw.one(MESSAGES)
    order.options |= {"gift": True, "message": message}
    order.wish.append(draw.say(f'Have it wrapped as a gift with the message "{message}".', f'It is a present: gift wrap, and the message "{message}".'))
    order.typed.append(message)
    order.at_cart += [click("checkbox", f"Gift wrap ({euros(GIFT_CENTS)})"), fill("Gift message", message), click("button", "Save gift options")]


def _other_address(draw: Draw, order: _Order) -> None:
    row = draw.one([row for row in draw.rows("addresses") if row["key"] != draw.person["address"]])
    order.options["address"] = row["key"]
    order.wish.append(draw.say(f"Send it to my address “{row['label']}”.", f"It should go to the address in {row['city']}, {row['street']}."))
    order.to_delivery = (click("radio", address_line(row)), click("button", "Continue"))


def _new_address(draw: Draw, order: _Order) -> None:
    fields = new_address_fields(draw)
    order.address = fields
    order.wish.append(f"Send it to a new address: {address_words(fields)}.")
    order.typed += list(fields.values())
    order.to_delivery = (
        click("link", "Use a new address"),
        *(fill(FIELD_LABELS[name], value) for name, value in fields.items()),
        click("button", "Save address"),
    )


def _delivery(draw: Draw, order: _Order) -> None:
    key = draw.one(("express", "pickup"))
    name, _, _, said = DELIVERIES[key]
    order.kinds[-1] = key
    order.options["delivery"] = key
    order.wish.append(
        {
            "express": draw.say("I want express delivery.", "Send it by express."),
            "pickup": draw.say("I collect it at a pick-up point.", "Have it delivered to a pick-up point."),
        }[key]
    )
    order.delivery = (click("radio", f"{name} ({said})"), click("button", "Continue"))


_EXTRAS = {"coupon": _coupon, "gift": _gift, "address": _other_address, "new-address": _new_address, "delivery": _delivery}


def new_address_fields(draw: Draw) -> dict[str, str]:
    """An address that is in no book."""
    taken = {row["label"] for row in draw.rows("addresses")}
    return {
        "label": draw.one([label for label in (*LABELS, "Neighbour", "Studio") if label not in taken]),
        "name": f"{draw.one(FIRST_NAMES)} {draw.one(LAST_NAMES)}",
        "street": f"{draw.one(STREETS)} {draw.number(100, 300)}",
        "zip": str(draw.number(10_000, 99_999)),
        "city": draw.one(CITIES),
    }


def address_words(fields: Mapping[str, str]) -> str:
    """An address as it is told."""
    return f"{fields['name']}, {fields['street']}, {fields['zip']} {fields['city']}, with the label “{fields['label']}”"


def _pieces(count: int, always: bool) -> str:
    """How many, in words, where that is to be said."""
    return f"{count} pieces of " if count > 1 else "one piece of " * always


def buy(draw: Draw, hows: Sequence[str], extras: Sequence[str], pieces: int = 1) -> Part | None:
    """Order one thing or several, with what is said beside; None where the draw does not do."""
    targets = [target for how in hows if (target := new_target(draw, how, pieces)) is not None]
    if len(targets) < len(hows) or len({target.product.type for target in targets}) < len(hows):
        return None
    lines = {target.variant.key: pieces if place == 0 else 1 for place, target in enumerate(targets)}
    order = _with_extras(draw, extras)
    several = pieces > 1 and len(targets) > 1
    things = " and ".join(f"{_pieces(lines[t.variant.key], several)}{t.words}" for t in targets)
    wish = " ".join([draw.say(f"Buy {things}.", f"Please order {things}.", f"I need {things}; place the order."), *order.wish])
    script: list[Do] = []
    for target in targets:
        count = lines[target.variant.key]
        script += [*target.script, *([fill("Quantity", str(count))] if count > 1 else []), click("button", "Add to cart")]
    script += [*order.at_cart, click("link", "Go to checkout"), *order.to_delivery, *order.delivery, click("button", "Place order")]
    kind = f"buy/{'-'.join(sorted(hows))}/{'+'.join([*(['several'] if pieces > 1 else []), *order.kinds]) or 'plain'}"
    return Part(
        kind=kind + lure_of(*(target.product for target in targets)),
        wish=wish,
        works=_works(draw, lines, order),
        script=tuple(script),
        checkpoints=(*(point for target in targets for point in target.checkpoints), *_order_points(draw, lines, order)),
        required=("opened review",),
        phrases=tuple(dict.fromkeys([*(phrase for t in targets for phrase in t.phrases), *([str(pieces)] if pieces > 1 else []), *order.typed])),
        passing=passing_of(draw, lines),
        facts=tuple(target.wanted for target in targets),
    )


def _works(draw: Draw, lines: Mapping[str, int], order: _Order) -> tuple[Work, ...]:
    """What leads to an order: a new address, if there is one, and the order itself."""
    options, fields = dict(order.options), order.address
    if fields is None:
        return (partial(_order, draw, lines, options),)
    options["address"] = f"A{len(draw.world.rows['addresses']) + 1:02}"
    return (lambda database: add_address(database, draw.customer, fields), partial(_order, draw, lines, options))


def _order(draw: Draw, lines: Mapping[str, int], options: Mapping[str, Any], database: Database) -> None:
    ways = Ways(**{name: value for name, value in options.items() if name != "address"})
    place_order(database, draw.world, draw.customer, lines, address=options["address"], ways=ways)


def holds_exactly(customer: str, lines: Mapping[str, int]) -> str:
    """A query that gives a row when the cart holds this and nothing else."""
    right = " OR ".join(f"(variant = '{variant}' AND quantity = {quantity})" for variant, quantity in lines.items())
    return f"SELECT 1 FROM cart WHERE customer = '{customer}' GROUP BY customer HAVING count(*) = {len(lines)} AND sum({right}) = {len(lines)}"


def _order_points(draw: Draw, lines: Mapping[str, int], order: _Order) -> list[Checkpoint]:
    options, cart = order.options, holds_exactly(draw.customer, lines)
    ways = Ways(**{name: value for name, value in options.items() if name != "address"})
    total = costs(draw.world, lines, ways)["total"]
    points = [Checkpoint("opened checkout", path="/checkout/address", sql=cart)]
    if options.get("coupon"):
        points.append(Checkpoint("opened discount", path="/cart", shows=options["coupon"], sql=cart))
    label = order.address["label"] if order.address else next(row["label"] for row in draw.rows("addresses") if row["key"] == options["address"])
    return [*points, Checkpoint("opened review", path="/checkout/review", shows=summary(total, label, ways), sql=cart)]


def passing_of(draw: Draw, lines: Mapping[str, int], least: int = 1) -> dict[Cell, tuple[Value, ...]]:
    """What the lines of a cart may be on the way to an order."""
    found: dict[Cell, tuple[Value, ...]] = {}
    for variant, quantity in lines.items():
        key = f"C-{draw.customer}-{variant}"
        values: dict[str, tuple[Value, ...]] = {"key": (key,), "customer": (draw.customer,), "variant": (variant,)}
        found |= {("cart", key, column): value for column, value in values.items()}
        found["cart", key, "quantity"] = tuple(range(least, quantity + 1))
    return found


# Other ways to use a cart.


def buy_now(draw: Draw) -> Part | None:
    """Order at once, because the customer says so."""
    target = new_target(draw, draw.one(("named", "attributes")))
    if target is None:
        return None
    lines, address = {target.variant.key: 1}, draw.person["address"]
    says = draw.say("use “Buy now”, I need no review", "with “Buy now”, without looking at it again", "and take the quick way, “Buy now”")
    return Part(
        kind=f"buy-now/{target.how}{lure_of(target.product)}",
        wish=f"Buy {target.words}; {says}.",
        works=(partial(_ordered_now, draw, lines, address),),
        script=(click("button", "Buy now"),),
        facts=(target.wanted,),
    ).after(target)


def _ordered_now(draw: Draw, lines: Mapping[str, int], address: str, database: Database) -> None:
    place_order(database, draw.world, draw.customer, lines, address=address, placed="buy now")


def put(draw: Draw, how: str, pieces: int = 1) -> Part | None:
    """Put something into the cart, and leave it there."""
    target = new_target(draw, how, pieces)
    if target is None or any(row["variant"] == target.variant.key for row in draw.rows("cart")):
        return None
    words = f"{f'{pieces} pieces of ' if pieces > 1 else ''}{target.words}"
    quantity = (str(pieces),) * (pieces > 1)
    return Part(
        kind=f"cart/put/{how}{'/several' * (pieces > 1)}{lure_of(target.product)}",
        wish=draw.say(
            f"Put {words} into my cart, but do not order anything.",
            f"Add {words} to my cart; I will order later myself.",
            f"I want {words} in my cart, no more.",
        ),
        works=(lambda database: put_into_cart(database, draw.world, draw.customer, target.variant.key, pieces),),
        script=(*(fill("Quantity", text) for text in quantity), click("button", "Add to cart")),
        phrases=quantity,
        passing={cell: values for cell, values in passing_of(draw, {target.variant.key: pieces}).items() if cell[2] == "quantity"},
        facts=(target.wanted,),
    ).after(target)


def change_quantity(draw: Draw) -> Part | None:
    """Have another number of something in the cart."""
    lines = draw.rows("cart")
    if not lines:
        return None
    line = draw.one(lines)
    variant = draw.world.variants[line["variant"]]
    options = [n for n in range(1, 9) if n != line["quantity"] and n <= variant.stock]
    if not options:
        return None
    wanted, name = draw.one(options), draw.world.product_of(variant.key).name
    return Part(
        kind="cart/quantity",
        wish=draw.say(
            f"Change the quantity of the {name} in my cart to {wanted}.",
            f"In my cart there should be {wanted} of the {name}.",
            f"I want {wanted} pieces of the {name} that is in my cart; set that, but order nothing.",
        ),
        works=(lambda database: set_quantity(database, draw.world, draw.customer, variant.key, wanted),),
        script=(fill("Quantity", str(wanted), near=name), click("button", "Update", near=name)),
        phrases=(str(wanted),),
    ).after(to_cart(draw))


def remove_line(draw: Draw) -> Part | None:
    """Take something out of the cart."""
    lines = draw.rows("cart")
    if not lines:
        return None
    variant = draw.one(lines)["variant"]
    name = draw.world.product_of(variant).name
    return Part(
        kind="cart/remove",
        wish=draw.say(f"Take the {name} out of my cart.", f"Remove the {name} from my cart.", f"I do not want the {name} any more; it should leave my cart."),
        works=(lambda database: set_quantity(database, draw.world, draw.customer, variant, 0),),
        script=(click("button", "Remove", near=name),),
    ).after(to_cart(draw))


def to_cart(draw: Draw) -> Way:
    """The way to the cart, as long as nothing was changed."""
    count = sum(row["quantity"] for row in draw.rows("cart"))
    return Way(script=(click("link", f"Cart ({count})"),), checkpoints=(Checkpoint("opened cart", path="/cart"),))


def order_cart(draw: Draw, extras: Sequence[str], change: bool) -> Part | None:
    """Order what is in the cart, after something was taken out of it."""
    rows = draw.rows("cart")
    lines = {row["variant"]: row["quantity"] for row in rows}
    if len(lines) < 2:
        return None
    out = draw.one(sorted(lines)) if change else ""
    kept = {variant: quantity for variant, quantity in lines.items() if variant != out}
    order = _with_extras(draw, extras)
    name = draw.world.product_of(out).name if out else ""
    first = (
        f"Take the {name} out of my cart and order the rest."
        if out
        else draw.say("Order what is in my cart.", "Please order all that is in my cart.", "Place an order for my cart as it is.")
    )
    removal = [click("button", "Remove", near=name)] if out else []
    script = [*removal, *order.at_cart, click("link", "Go to checkout")]
    works: tuple[Work, ...] = (lambda database: set_quantity(database, draw.world, draw.customer, out, 0),) if out else ()
    return Part(
        kind=f"cart/order/{'+'.join([*(['less'] if out else []), *order.kinds]) or 'plain'}",
        wish=" ".join([first, *order.wish]),
        works=(*works, *_works(draw, kept, order)),
        script=(*script, *order.to_delivery, *order.delivery, click("button", "Place order")),
        checkpoints=tuple(_order_points(draw, kept, order)),
        required=("opened review",),
        phrases=tuple(order.typed),
    ).after(to_cart(draw))
