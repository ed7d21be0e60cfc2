"""The pages of the shop on which things are paid for: signing in, the cart, and the steps of an order."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web.shop_acts import ADDRESS_FIELDS, Ways, add_address, cart_of, costs, place_order, set_quantity
from prm_gym.envs.web.shop_pages import SITE, alert, layout, signed_in, user, world
from prm_gym.envs.web.shop_rows import World, euros
from prm_gym.envs.web.shop_words import COUPONS, DELIVERIES, GIFT_CENTS
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e
from prm_gym.web.site import Answered

_PLACE = re.compile(r"/(?:[\w?][\w/?=&%.+-]*)?", re.ASCII)  # of this site
CHECKOUT = ("coupon", "gift", "message", "address", "delivery")
FIELD_LABELS = {"label": "Label", "name": "Name", "street": "Street and number", "zip": "Postcode", "city": "City"}


# Signing in.


@SITE.get("/login")
def login_page(visit: Visit, request: Request) -> Node:
    """Where customers sign in."""
    return _login(visit, request.one("next"), "", "")


def _login(visit: Visit, after: str, email: str, problem: str) -> Node:
    form = e.form(
        e.input(type="hidden", name="next", value=after),
        e.label("E-mail ", e.input(type="email", name="email", value=email, aria_invalid="true" if problem else None)),
        e.label("Password ", e.input(type="password", name="password")),
        e.button("Sign in now"),
        method="post",
        action="/login",
        class_="card",
    )
    return layout(visit, "Sign in", e.h1("Sign in"), alert(problem), form)


@SITE.post("/login")
def login(visit: Visit, request: Request) -> Answered:
    """Sign in."""
    email, after = request.one("email"), request.one("next")
    row = visit.database.one("SELECT key, name FROM customers WHERE email = ? AND password = ?", email, request.one("password"))
    if row is None:
        why = "E-mail or password is wrong."
        return Invalid(_login(visit, after, email, why), why)
    visit.memory["user"] = row["key"]
    visit.memory["flash"] = f"Welcome back, {row['name']}."
    return Redirect(after if _PLACE.fullmatch(after) else "/account")


@SITE.post("/logout")
def logout(visit: Visit, _: Request) -> Answered:
    """Sign out."""
    visit.memory["user"] = ""
    for name in CHECKOUT:
        visit.memory.pop(name, None)
    return Redirect("/")


# The cart.


def lines_of(visit: Visit) -> dict[str, int]:
    """Pieces by variant in the cart."""
    return {row["variant"]: row["quantity"] for row in cart_of(visit.database, user(visit))}


def ways_of(visit: Visit) -> Ways:
    """How the order that is being made is paid for and sent."""
    memory = visit.memory
    return Ways(memory.get("delivery", "standard"), memory.get("coupon", ""), bool(memory.get("gift")), memory.get("message", ""))


def line_name(shop: World, variant: str) -> str:
    """A variant in words: the product, its colour and its size."""
    found = shop.variants[variant]
    chosen = ", ".join(part for part in (found.colour, found.size) if part)
    return f"{shop.products[found.product].name}{f' ({chosen})' if chosen else ''}"


@SITE.get("/cart")
@signed_in
def cart(visit: Visit, _: Request) -> Node:
    """The cart."""
    return _cart(visit)


def _cart(visit: Visit, problem: str = "", typed: Mapping[str, str] = {}) -> Node:
    lines, memory = lines_of(visit), visit.memory
    if not lines:
        return layout(visit, "Cart", e.h1("Your cart"), alert(problem), e.p("Your cart is empty. ", e.a("Look around", href="/")))
    shop = world(visit)
    coupon = e.form(
        e.label("Coupon code ", e.input(name="coupon", value=typed.get("coupon", memory.get("coupon", "")), maxlength=20)),
        e.button("Apply coupon", class_="plain"),
        method="post",
        action="/cart/coupon",
        class_="card",
    )
    gift = e.form(
        e.label(e.input(type="checkbox", name="gift", value="1", checked=bool(memory.get("gift"))), f"Gift wrap ({euros(GIFT_CENTS)})"),
        e.label("Gift message ", e.input(name="message", value=memory.get("message", ""), maxlength=120)),
        e.button("Save gift options", class_="plain"),
        method="post",
        action="/cart/gift",
        class_="card",
    )
    sums = costs(shop, lines, ways_of(visit))
    return layout(
        visit,
        "Cart",
        e.h1("Your cart"),
        alert(problem),
        [_cart_line(shop, variant, typed.get(variant, str(quantity))) for variant, quantity in lines.items()],
        coupon,
        gift,
        e.p(f"Goods: {euros(sums['goods'])}", f", coupon: -{euros(sums['coupon'])}" if sums["coupon"] else None),
        e.p(e.a("Go to checkout", href="/checkout/address", class_="button")),
    )


def _cart_line(shop: World, variant: str, quantity: str) -> Node:
    found, name = shop.variants[variant], line_name(shop, variant)
    return e.section(
        e.a(name, href=f"/p/{found.product}?{urlencode({'colour': found.colour, 'size': found.size})}"),
        e.p(f"{euros(found.price)} a piece", class_="soft"),
        e.form(
            e.input(type="hidden", name="variant", value=variant),
            e.label("Quantity ", e.input(type="number", name="quantity", value=quantity)),
            e.button("Update", name="do", value="update", class_="plain"),
            " ",
            e.button("Remove", name="do", value="remove", class_="plain"),
            method="post",
            action="/cart",
            class_="row",
        ),
        class_="card",
    )


@SITE.post("/cart")
@signed_in
def change_cart(visit: Visit, request: Request) -> Answered:
    """Change or remove a line of the cart."""
    variant, quantity = request.one("variant"), request.one("quantity")
    if variant not in lines_of(visit):
        return Redirect("/cart")
    if request.one("do") == "remove":
        quantity = "0"
    problem = "" if quantity.isdecimal() and len(quantity) < 4 else "The quantity is a number."
    try:
        if not problem:
            set_quantity(visit.database, world(visit), user(visit), variant, int(quantity))
    except RefusedError as refusal:
        problem = str(refusal)
    if problem:
        return Invalid(_cart(visit, problem, {variant: quantity}), problem)
    visit.memory["flash"] = "Your cart is changed."
    return Redirect("/cart")


@SITE.post("/cart/coupon")
@signed_in
def coupon(visit: Visit, request: Request) -> Answered:
    """Use a coupon; an empty code takes it back."""
    code = request.one("coupon").upper()
    if code and code not in COUPONS:
        visit.tell("coupon", code=code)
        visit.memory["flash"] = f"There is no coupon {code}, or it is no longer good."
        return Redirect("/cart")
    visit.memory["coupon"] = code
    visit.memory["flash"] = f"The coupon {code} takes {COUPONS[code]} % off." if code else "No coupon is used."
    return Redirect("/cart")


@SITE.post("/cart/gift")
@signed_in
def gift(visit: Visit, request: Request) -> Answered:
    """Have the order wrapped as a gift, or not."""
    visit.memory["gift"] = bool(request.one("gift"))
    visit.memory["message"] = request.one("message")[:120]
    visit.memory["flash"] = "Your gift options are saved."
    return Redirect("/cart")


# The steps of an order.


def address_line(row: Mapping[str, Any]) -> str:
    """An address in one line."""
    return f"{row['label']}: {row['name']}, {row['street']}, {row['zip']} {row['city']}"


def addresses_of(visit: Visit) -> list[dict[str, Any]]:
    """The addresses of who is signed in."""
    return visit.database.all("SELECT * FROM addresses WHERE customer = ? ORDER BY key", user(visit))


def chosen_address(visit: Visit) -> str:
    """The address to which the order goes: that which was chosen, or the default."""
    chosen = visit.memory.get("address", "")
    if any(row["key"] == chosen for row in addresses_of(visit)):
        return chosen
    return (visit.database.get("customers", user(visit)) or {})["address"]


@SITE.get("/checkout/address")
@signed_in
def address_step(visit: Visit, _: Request) -> Answered:
    """Where the order goes."""
    if not lines_of(visit):
        return Redirect("/cart")
    now = chosen_address(visit)
    choices = [e.label(e.input(type="radio", name="address", value=row["key"], checked=row["key"] == now), address_line(row)) for row in addresses_of(visit)]
    return layout(
        visit,
        "Checkout: address",
        e.h1("Step 1 of 3: address"),
        e.form(e.fieldset(e.legend("Deliver to"), choices), e.button("Continue"), method="post", action="/checkout/address", class_="card"),
        e.p(e.a("Use a new address", href="/checkout/new-address")),
    )


@SITE.post("/checkout/address")
@signed_in
def choose_address(visit: Visit, request: Request) -> Answered:
    """Choose the address."""
    if any(row["key"] == request.one("address") for row in addresses_of(visit)):
        visit.memory["address"] = request.one("address")
    return Redirect("/checkout/delivery")


def address_form(action: str, values: Mapping[str, str], problem: str) -> list[Node | None]:
    """The form of an address."""
    fields = [
        e.label(f"{label} ", e.input(name=name, value=values.get(name, ""), maxlength=60, aria_invalid="true" if problem and not values.get(name) else None))
        for name, label in FIELD_LABELS.items()
    ]
    return [alert(problem), e.form(fields, e.button("Save address"), method="post", action=action, class_="card")]


def read_address(request: Request) -> tuple[dict[str, str], str]:
    """The fields of an address that was typed, and what is wrong with them."""
    fields = {name: request.one(name)[:60] for name in ADDRESS_FIELDS}
    missing = [FIELD_LABELS[name] for name, value in fields.items() if not value]
    if missing:
        return fields, f"Please fill in: {', '.join(missing)}."
    return fields, "" if fields["zip"].isdecimal() and len(fields["zip"]) == 5 else "A postcode has five digits."


@SITE.get("/checkout/new-address")
@signed_in
def new_address_step(visit: Visit, _: Request) -> Node:
    """A new address for the order."""
    return layout(visit, "Checkout: new address", e.h1("New address"), *address_form("/checkout/new-address", {}, ""))


@SITE.post("/checkout/new-address")
@signed_in
def save_new_address(visit: Visit, request: Request) -> Answered:
    """Keep it in the address book, and deliver to it."""
    fields, problem = read_address(request)
    if problem:
        return Invalid(layout(visit, "Checkout: new address", e.h1("New address"), *address_form("/checkout/new-address", fields, problem)), problem)
    visit.memory["address"] = add_address(visit.database, user(visit), fields)
    return Redirect("/checkout/delivery")


@SITE.get("/checkout/delivery")
@signed_in
def delivery_step(visit: Visit, _: Request) -> Answered:
    """How it goes there."""
    if not lines_of(visit):
        return Redirect("/cart")
    now = visit.memory.get("delivery", "standard")
    choices = [
        e.label(e.input(type="radio", name="delivery", value=key, checked=key == now), f"{name} ({said})") for key, (name, _, _, said) in DELIVERIES.items()
    ]
    form = e.form(e.fieldset(e.legend("Delivery"), choices), e.button("Continue"), method="post", action="/checkout/delivery", class_="card")
    return layout(visit, "Checkout: delivery", e.h1("Step 2 of 3: delivery"), form, e.p(e.a("Back to the address", href="/checkout/address")))


@SITE.post("/checkout/delivery")
@signed_in
def choose_delivery(visit: Visit, request: Request) -> Answered:
    """Choose the delivery."""
    if request.one("delivery") in DELIVERIES:
        visit.memory["delivery"] = request.one("delivery")
    return Redirect("/checkout/review")


def summary(total: int, label: str, ways: Ways) -> str:
    """All of an order in one line, but for the goods."""
    gift = f", gift wrap with “{ways.message}”" if ways.gift else ""
    return f"Total: {euros(total)} on account, {DELIVERIES[ways.delivery][0]} delivery to “{label}”{gift}"


@SITE.get("/checkout/review")
@signed_in
def review_step(visit: Visit, _: Request) -> Answered:
    """All that is ordered, before it is."""
    lines, memory, shop = lines_of(visit), visit.memory, world(visit)
    if not lines:
        return Redirect("/cart")
    address = visit.database.get("addresses", chosen_address(visit)) or {}
    sums = costs(shop, lines, ways_of(visit))
    goods = [e.tr(e.td(line_name(shop, key)), e.td(f"{count} x {euros(shop.variants[key].price)}")) for key, count in lines.items()]
    parts = {"Goods": sums["goods"], "Coupon": -sums["coupon"], "Delivery": sums["delivery"], "Gift wrap": sums["gift"]}
    return layout(
        visit,
        "Checkout: review",
        e.h1("Step 3 of 3: review your order"),
        e.table(goods),
        e.p(f"Deliver to {address_line(address)}"),
        e.p(f"Coupon: {memory['coupon']}") if memory.get("coupon") else None,
        e.p(", ".join(f"{name} {euros(cents)}" for name, cents in parts.items() if cents), class_="soft"),
        e.p(summary(sums["total"], address["label"], ways_of(visit)), class_="price"),
        e.form(e.button("Place order"), method="post", action="/checkout/place"),
        e.p(e.a("Back to the cart", href="/cart")),
    )


@SITE.post("/checkout/place")
@signed_in
def place(visit: Visit, _: Request) -> Answered:
    """Order what is in the cart."""
    order = place_order(visit.database, world(visit), user(visit), lines_of(visit), address=chosen_address(visit), ways=ways_of(visit))
    for name in CHECKOUT:
        visit.memory.pop(name, None)
    visit.tell("ordered", how="checkout")
    return Redirect(f"/orders/{order}/thanks")


@SITE.get("/orders/{key}/thanks")
@signed_in
def thanks(visit: Visit, _: Request, key: str) -> Answered:
    """What is said after an order."""
    row = visit.database.get("orders", key)
    if row is None or row["customer"] != user(visit):
        return Missing("There is no such order.")
    said = e.p(f"Your order {key} is placed. It comes to {euros(row['total'])} and should arrive on {row['due']}.")
    return layout(visit, "Thank you", e.h1("Thank you"), said, e.p(e.a("See the order", href=f"/orders/{key}")))
