"""Tasks of the shop beside buying: orders, returns, the wishlist, addresses, the profile and reviews."""

from typing import Any

from prm_gym.envs.web.shop_acts import (
    add_address,
    can_return,
    cancel_order,
    change_address_of_order,
    delete_address,
    edit_address,
    put_into_cart,
    return_lines,
    set_default_address,
    set_profile,
    unwish,
    wish,
    write_review,
)
from prm_gym.envs.web.shop_buying import address_words, new_address_fields, passing_of
from prm_gym.envs.web.shop_checkout import FIELD_LABELS, address_line, line_name
from prm_gym.envs.web.shop_part import Draw, lure_of
from prm_gym.envs.web.shop_targets import new_target
from prm_gym.envs.web.shop_words import LINES, REASONS
from prm_gym.web import Checkpoint, Part, Way, choose, click, fill

TO_ORDERS = Way(script=(click("link", "Account"), click("link", "Your orders")), checkpoints=(Checkpoint("orders listed", path=r"/orders(\?.*)?"),))
ORDERS_A_PAGE = 4


def orders_of(draw: Draw) -> list[dict[str, Any]]:
    """The orders, the latest first, as they are listed."""
    return sorted(draw.rows("orders"), key=lambda row: (row["date"], int(row["key"])), reverse=True)


def to_order(draw: Draw, order: str) -> Way:
    """Open an order."""
    place = [row["key"] for row in orders_of(draw)].index(order)
    turn = (click("link", "Older orders"),) if place >= ORDERS_A_PAGE else ()
    return Way(script=(*turn, click("link", f"Order {order}")), checkpoints=(seen_order(order),)).after(TO_ORDERS)


def order_words(draw: Draw, order: dict[str, Any], numbered: bool) -> tuple[str, str]:
    """An order in words, and how it is named: by number, as the latest one, or by something that is in no other."""
    if numbered:
        return f"order {order['key']}", "number"
    if orders_of(draw)[0] is order or orders_of(draw)[0]["key"] == order["key"]:
        return draw.say("my latest order", "the order that I placed last"), "latest"
    mine = [line["variant"] for line in draw.lines(order["key"])]
    others = {draw.world.product_of(line["variant"]).key for row in orders_of(draw) if row["key"] != order["key"] for line in draw.lines(row["key"])}
    names = [draw.world.product_of(variant).name for variant in mine if draw.world.product_of(variant).key not in others]
    return (f"the order with the {draw.one(names)}", "content") if names else (f"order {order['key']}", "number")


def seen_order(order: str) -> Checkpoint:
    """The page of an order."""
    return Checkpoint(f"opened order {order}", path=f"/orders/{order}")


def form(path: str) -> Checkpoint:
    """The page of a form."""
    return Checkpoint(f"opened {path}", path=path)


def cancel(draw: Draw, numbered: bool) -> Part | None:
    """Cancel an order."""
    found_ = [row for row in orders_of(draw) if row["status"] == "processing"]
    if not found_:
        return None
    order = draw.one(found_)
    words, how = order_words(draw, order, numbered)
    return Part(
        kind=f"order/cancel/{how}",
        wish=draw.say(f"Cancel {words}.", f"I do not need {words} any more, please cancel it.", f"Please see to it that {words} is cancelled."),
        works=(lambda database: cancel_order(database, order["key"]),),
        script=(click("button", "Cancel this order"), click("button", "Yes, cancel it")),
    ).after(to_order(draw, order["key"]))


def readdress(draw: Draw, numbered: bool) -> Part | None:
    """Send an order to another address."""
    found_ = [row for row in orders_of(draw) if row["status"] == "processing"]
    if not found_:
        return None
    order = draw.one(found_)
    address = draw.one([row for row in draw.rows("addresses") if row["key"] != order["address"]])
    words, how = order_words(draw, order, numbered)
    to = draw.say(f"to my address “{address['label']}”", f"to {address['street']} in {address['city']}")
    return Part(
        kind=f"order/address/{how}",
        wish=draw.say(f"Have {words} sent {to}.", f"Change the address of {words}: it should go {to}.", f"I moved: {words} should be delivered {to}."),
        works=(lambda database: change_address_of_order(database, order["key"], address["key"]),),
        script=(click("link", "Change the address"), click("radio", address_line(address)), click("button", "Save")),
        checkpoints=(form(f"/orders/{order['key']}/address"),),
    ).after(to_order(draw, order["key"]))


def give_back(draw: Draw, numbered: bool, everything: bool) -> Part | None:
    """Return something of an order, or all of it."""
    found_ = [row for row in orders_of(draw) if not can_return(row) and (len(draw.lines(row["key"])) > 1) >= everything]
    if not found_:
        return None
    order = draw.one(found_)
    lines = draw.lines(order["key"])
    chosen = lines if everything else [draw.one(lines)]
    reason = draw.one(REASONS)
    words, how = order_words(draw, order, numbered)
    name = draw.world.product_of(chosen[0]["variant"]).name
    what = f"everything of {words}" if everything else f"the {name}{' that I ordered' if name in words else f' of {words}'}"
    boxes = tuple(click("checkbox", line_name(draw.world, line["variant"])) for line in chosen)
    return Part(
        kind=f"order/return/{'all' if everything else 'one'}/{how}",
        wish=draw.say(
            f"Return {what}. The reason: {reason}.", f"I send back {what}; give “{reason}” as the reason.", f"Please return {what}, reason “{reason}”."
        ),
        works=(lambda database: return_lines(database, order["key"], [line["key"] for line in chosen], reason),),
        script=(click("link", "Return something"), *boxes, choose("Reason", reason), click("button", "Send return")),
        checkpoints=(form(f"/orders/{order['key']}/return"),),
    ).after(to_order(draw, order["key"]))


def again(draw: Draw, numbered: bool) -> Part | None:
    """Put what was ordered before into the cart once more."""
    if draw.rows("cart"):
        return None
    stock = draw.world.variants
    found_ = [row for row in orders_of(draw) if all(stock[line["variant"]].stock >= line["quantity"] for line in draw.lines(row["key"]))]
    if not found_:
        return None
    order = draw.one(found_)
    lines = {line["variant"]: line["quantity"] for line in draw.lines(order["key"])}
    words, how = order_words(draw, order, numbered)

    def work(database: Any) -> None:
        for variant, quantity in lines.items():
            put_into_cart(database, draw.world, draw.customer, variant, quantity)

    return Part(
        kind=f"order/again/{how}",
        wish=draw.say(
            f"Put all that is in {words} into my cart again, but do not order it yet.",
            f"I want the things of {words} once more: fill the cart with them, I will order myself.",
            f"Fill my cart with everything from {words}. Do not place an order.",
        ),
        works=(work,),
        script=(click("button", "Order again"),),
        passing={cell: values for cell, values in passing_of(draw, lines).items() if cell[2] == "quantity"},
    ).after(to_order(draw, order["key"]))


# Wishlist and reviews.


def wish_for(draw: Draw, how: str) -> Part | None:
    """Put something on the wishlist."""
    target = new_target(draw, how)
    if target is None or any(row["product"] == target.product.key for row in draw.rows("wishlist")):
        return None
    product, words = target.product, target.words if how != "named" else f"the {target.product.name}"
    return Part(
        kind=f"wishlist/add/{how}{lure_of(product)}",
        wish=draw.say(f"Put {words} on my wishlist.", f"Add {words} to my wishlist.", f"I want {words} on my wishlist; do not buy it."),
        works=(lambda database: wish(database, draw.customer, product.key),),
        script=(click("button", "Add to wishlist"),),
    ).after(target.page)


def unwish_one(draw: Draw) -> Part | None:
    """Take something off the wishlist."""
    product = draw.world.products[draw.one(draw.rows("wishlist"))["product"]]
    return Part(
        kind="wishlist/remove",
        wish=draw.say(
            f"Take the {product.name} off my wishlist.", f"Remove the {product.name} from my wishlist.", f"The {product.name} should leave my wishlist."
        ),
        works=(lambda database: unwish(database, draw.customer, product.key),),
        script=(click("link", "Wishlist"), click("button", "Remove", near=product.name)),
        checkpoints=(Checkpoint("opened wishlist", path="/wishlist"),),
    )


def review(draw: Draw) -> Part | None:
    """Write a review of something that was delivered."""
    found_ = [row for row in orders_of(draw) if row["status"] == "delivered"]
    if not found_:
        return None
    order = draw.one(found_)
    lines = draw.lines(order["key"])
    line = draw.one(lines)
    product = draw.world.product_of(line["variant"])
    stars, text = draw.number(1, 6), " ".join(draw.some(LINES, 2))
    return Part(
        kind=f"review/{'good' if stars > 3 else 'bad'}{'/one-of-several' * (len(lines) > 1)}",
        wish=draw.say(
            f'Review the {product.name} of order {order["key"]}: {stars} of 5 stars, and the text "{text}"',
            f'Write a review of the {product.name} (order {order["key"]}) with {stars} of 5 stars. The text: "{text}"',
            f'I want to give the {product.name} from order {order["key"]} {stars} of 5 stars and write: "{text}"',
        ),
        works=(lambda database: write_review(database, draw.customer, product.key, stars, text),),
        script=(
            *to_order(draw, order["key"]).script,
            click("link", "Write a review", near=product.name),
            choose("Stars", f"{stars} of 5"),
            fill("Your review", text),
            click("button", "Send review"),
        ),
        checkpoints=(seen_order(order["key"]), form(f"/p/{product.key}/review")),
        phrases=(text,),
    )


# Addresses and profile.

TO_ADDRESSES = Way(script=(click("link", "Account"), click("link", "Addresses")), checkpoints=(Checkpoint("opened addresses", path="/addresses"),))


def new_address(draw: Draw) -> Part:
    """Add an address."""
    fields = new_address_fields(draw)
    typing = tuple(fill(FIELD_LABELS[name], value) for name, value in fields.items())
    return Part(
        kind="address/add",
        wish=draw.say(
            f"Add an address: {address_words(fields)}.",
            f"Put this into my address book: {address_words(fields)}.",
            f"I have a new address, {address_words(fields)}; save it.",
        ),
        works=(lambda database: add_address(database, draw.customer, fields),),
        script=(click("link", "Add an address"), *typing, click("button", "Save address")),
        checkpoints=(form("/addresses/new"),),
        phrases=tuple(fields.values()),
    ).after(TO_ADDRESSES)


def change_address(draw: Draw, columns: tuple[str, ...]) -> Part:
    """Change a part of an address."""
    row = draw.one(draw.rows("addresses"))
    fresh = new_address_fields(draw)
    fields = {name: fresh[name] if name in columns and fresh[name] != row[name] else row[name] for name in fresh}
    changed = {name: value for name, value in fields.items() if value != row[name]}
    told = " and ".join(f"{FIELD_LABELS[name].lower()} “{value}”" for name, value in changed.items())
    typing = tuple(fill(FIELD_LABELS[name], value) for name, value in changed.items())
    return Part(
        kind=f"address/edit/{'+'.join(columns)}",
        wish=draw.say(
            f"Change my address “{row['label']}”: {told}.",
            f"In my address book the address “{row['label']}” should have {told}.",
            f"My address “{row['label']}” is wrong. Right is: {told}.",
        ),
        works=(lambda database: edit_address(database, row["key"], fields),),
        script=(click("link", "Edit", near=row["label"]), *typing, click("button", "Save address")),
        checkpoints=(form(f"/addresses/{row['key']}/edit"),),
        phrases=tuple(changed.values()),
    ).after(TO_ADDRESSES)


def drop_address(draw: Draw) -> Part:
    """Delete an address."""
    row = draw.one([row for row in draw.rows("addresses") if row["key"] != draw.person["address"]])
    return Part(
        kind="address/delete",
        wish=draw.say(
            f"Delete my address in {row['city']}.",
            f"I no longer need the address “{row['label']}”, delete it.",
            f"Remove “{row['label']}” from my address book.",
        ),
        works=(lambda database: delete_address(database, draw.customer, row["key"]),),
        script=(click("link", "Delete", near=row["label"]), click("button", "Delete this address")),
        checkpoints=(form(f"/addresses/{row['key']}/delete"),),
    ).after(TO_ADDRESSES)


def default_address(draw: Draw) -> Part:
    """Make another address the default."""
    row = draw.one([row for row in draw.rows("addresses") if row["key"] != draw.person["address"]])
    return Part(
        kind="address/default",
        wish=draw.say(
            f"Make “{row['label']}” my default address.",
            f"My default address should be the one in {row['street']}.",
            f"Use the address in {row['city']} as my default.",
        ),
        works=(lambda database: set_default_address(database, draw.customer, row["key"]),),
        script=(click("button", "Make default", near=row["label"]),),
    ).after(TO_ADDRESSES)


TO_PROFILE = Way(script=(click("link", "Account"), click("link", "Profile")), checkpoints=(Checkpoint("opened profile", path="/profile"),))


def new_email(draw: Draw) -> Part:
    """Change the e-mail address."""
    person = draw.person
    email = f"{person['email'].partition('@')[0].replace('.', draw.one(('-', '_', '')))}{draw.number(10, 99)}@post.test"
    return Part(
        kind="profile/email",
        wish=draw.say(
            f"Change my e-mail address to {email}",
            f"My new e-mail address is {email} - please put it into my profile.",
            f"Set {email} as the e-mail of my account.",
        ),
        works=(lambda database: set_profile(database, draw.customer, email, bool(person["newsletter"])),),
        script=(fill("E-mail", email), click("button", "Save profile")),
        phrases=(email,),
    ).after(TO_PROFILE)


def newsletter(draw: Draw) -> Part:
    """Have the newsletter, or no longer."""
    person = draw.person
    on = not person["newsletter"]
    wishes = ("Sign me up for the newsletter.", "I would like to get your newsletter.", "Turn the newsletter on.")
    ends = ("Sign me off from the newsletter.", "I do not want the newsletter any more.", "Turn the newsletter off.")
    return Part(
        kind=f"profile/newsletter/{'on' if on else 'off'}",
        wish=draw.say(*(wishes if on else ends)),
        works=(lambda database: set_profile(database, draw.customer, person["email"], on),),
        script=(click("checkbox", "Send me the newsletter"), click("button", "Save profile")),
    ).after(TO_PROFILE)
