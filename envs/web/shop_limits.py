"""Tasks of the shop that cannot be done: the agent finds out why, and says so."""

from prm_gym.envs.web.shop_acts import can_return
from prm_gym.envs.web.shop_buying import to_cart
from prm_gym.envs.web.shop_errands import TO_ORDERS, order_words, orders_of, seen_order, to_order
from prm_gym.envs.web.shop_pages import SORTS
from prm_gym.envs.web.shop_part import Draw, choosing, chosen_words, found, lure_of, opened, options_path, shown, to_list, to_product
from prm_gym.envs.web.shop_targets import Target, a, new_target, options_of
from prm_gym.web import IMPOSSIBLE, Checkpoint, Part, Way, asked, choose, click, fill


def sold_out(draw: Draw) -> Part | None:
    """A thing that is sold out in the options that are wanted."""
    product = draw.product()
    gone = [variant for variant in product.variants if not variant.stock]
    if not gone:
        return None
    variant = draw.one(gone)
    words = f"the {product.name}{chosen_words(variant)}"
    point = Checkpoint(f"read {variant.key}", path=options_path(product, variant), shows="Sold out") if product.in_stock else shown(product)
    return asked(
        f"impossible/sold-out{'/options' * bool(options_of(variant))}{lure_of(product)}",
        draw.say(f"Buy {words}.", f"Please order {words}.", f"I need {words}; place the order."),
        (IMPOSSIBLE,),
        Way(script=(*to_product(product.name), *choosing(variant)), checkpoints=(found(product), opened(product), point), phrases=(product.name,)),
    )


def too_dear(draw: Draw) -> Part | None:
    """A type of things of which none is as cheap as it should be."""
    kind = draw.product().type
    rivals = [p for p in draw.world.products.values() if p.type == kind]
    least = min(min(variant.price for variant in p.variants) for p in rivals)
    limit = least // 100 - draw.number(1, 4)
    if limit < 2:
        return None
    category = rivals[0].category.name.lower()
    point = Checkpoint(f"read {category}", path=rf"/(search\?(.*&)?q=[^&]*{kind.split()[-1].removesuffix('s')}.*|c/{category}\b.*)")
    words = a(kind)
    return asked(
        "impossible/too-dear",
        draw.say(
            f"Buy {words} for at most {limit} EUR.",
            f"Please order {words} that costs {limit} EUR or less.",
            f"I need {words}, but not for more than {limit} EUR; order it.",
        ),
        (IMPOSSIBLE,),
        Way(script=(*to_list(kind), choose("Sort by", SORTS["price"])), checkpoints=(point,), phrases=(kind, str(limit))),
    )


def too_late(draw: Draw, what: str, numbered: bool) -> Part | None:
    """An order that can no longer be cancelled, sent elsewhere, or returned."""
    found_ = [
        row for row in orders_of(draw) if (row["status"] == "delivered" and can_return(row) if what == "return" else row["status"] in ("shipped", "delivered"))
    ]
    if not found_:
        return None
    order = draw.one(found_)
    words, how = order_words(draw, order, numbered)
    script = to_order(draw, order["key"]).script
    address = draw.one([row for row in draw.rows("addresses") if row["key"] != order["address"]])
    name = draw.world.product_of(draw.lines(order["key"])[0]["variant"]).name
    thing = f"the {name}{' that I ordered' if name in words else f' of {words}'}"
    wish = {
        "cancel": draw.say(f"Cancel {words}.", f"I do not need {words} any more, please cancel it.", f"Please see to it that {words} is cancelled."),
        "address": draw.say(f"Have {words} sent to my address “{address['label']}”.", f"Change the address of {words} to “{address['label']}”."),
        "return": draw.say(f"Return {thing}. The reason: Changed my mind.", f"I send back {thing}; give “Changed my mind” as the reason."),
    }[what]
    if what == "return":
        end = Checkpoint(f"read return of {order['key']}", path=f"/orders/{order['key']}/return")
    else:
        end = Checkpoint(f"read order {order['key']}", path=r"/orders.*", shows=f"Order {order['key']}")
    points = (*TO_ORDERS.checkpoints, seen_order(order["key"]), end)
    return asked(
        f"impossible/{what}/{how}",
        wish,
        (IMPOSSIBLE,),
        Way(script=(*script, click("link", "Return something")) if what == "return" else script, checkpoints=points),
    )


def bad_coupon(draw: Draw) -> Part | None:
    """A coupon that is not good, without which nothing is to be ordered."""
    if not draw.rows("cart"):
        return None
    code = f"{draw.one(('SUMMER', 'THANKS', 'BONUS', 'HELLO'))}{draw.number(11, 60)}"
    point = Checkpoint("read refusal", shows=f"There is no coupon {code}")
    return asked(
        "impossible/coupon",
        draw.say(
            f"Order what is in my cart with the coupon {code}; without it I do not want the order.",
            f"Use the coupon {code} and order my cart, but only if the coupon is good.",
        ),
        (IMPOSSIBLE,),
        to_cart(draw),
        Way(script=(fill("Coupon code", code), click("button", "Apply coupon")), checkpoints=(point,), phrases=(code,)),
    )


def too_many(draw: Draw) -> Part | None:
    """More pieces than there are."""
    target: Target | None = new_target(draw, "named")
    if target is None or target.variant.stock > 7:
        return None
    pieces = target.variant.stock + int(draw.some([1, 2], 1)[0])
    point = Checkpoint(f"read {target.variant.key}", path=options_path(target.product, target.variant))
    return asked(
        f"impossible/pieces{lure_of(target.product)}",
        draw.say(f"Buy {pieces} pieces of {target.words}, all or none.", f"Please order {pieces} of {target.words}; fewer are of no use to me."),
        (IMPOSSIBLE,),
        Way(script=target.script, checkpoints=(found(target.product), opened(target.product), point), phrases=(*target.phrases, str(pieces))),
    )
