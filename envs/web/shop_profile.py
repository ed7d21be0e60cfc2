"""The pages of the shop for its customers beside their orders: addresses, profile, wishlist and their own reviews; and the help."""

from typing import Any

from prm_gym.envs.web.shop_acts import FREE_FROM, add_address, delete_address, edit_address, set_default_address, set_profile, unwish, write_review
from prm_gym.envs.web.shop_checkout import address_form, address_line, addresses_of, read_address
from prm_gym.envs.web.shop_pages import SITE, alert, layout, selection, signed_in, user, world
from prm_gym.envs.web.shop_rows import euros
from prm_gym.envs.web.shop_words import DELIVERIES, GIFT_CENTS, RETURN_DAYS
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e
from prm_gym.web.site import Answered


@SITE.get("/addresses")
@signed_in
def addresses(visit: Visit, _: Request) -> Node:
    """The address book."""
    return _addresses(visit)


def _addresses(visit: Visit, problem: str = "") -> Node:
    default = (visit.database.get("customers", user(visit)) or {})["address"]
    cards = [
        e.section(
            e.h2(row["label"]),
            e.p(e.span("Default address", class_="tag")) if row["key"] == default else None,
            e.p(row["name"]),
            e.p(row["street"]),
            e.p(f"Postcode: {row['zip']}"),
            e.p(f"City: {row['city']}"),
            e.div(
                e.a("Edit", href=f"/addresses/{row['key']}/edit"),
                e.form(e.button("Make default", class_="plain"), method="post", action=f"/addresses/{row['key']}/default") if row["key"] != default else None,
                e.a("Delete", href=f"/addresses/{row['key']}/delete"),
                class_="row",
            ),
            class_="card",
        )
        for row in addresses_of(visit)
    ]
    return layout(visit, "Addresses", e.h1("Your addresses"), alert(problem), cards, e.p(e.a("Add an address", href="/addresses/new")))


def _own_address(visit: Visit, key: str) -> dict[str, Any] | None:
    return next((row for row in addresses_of(visit) if row["key"] == key), None)


@SITE.get("/addresses/new")
@signed_in
def new_address(visit: Visit, _: Request) -> Node:
    """A new address."""
    return layout(visit, "New address", e.h1("New address"), *address_form("/addresses/new", {}, ""))


@SITE.post("/addresses/new")
@signed_in
def save_address(visit: Visit, request: Request) -> Answered:
    """Keep a new address."""
    fields, problem = read_address(request)
    if problem:
        return Invalid(layout(visit, "New address", e.h1("New address"), *address_form("/addresses/new", fields, problem)), problem)
    add_address(visit.database, user(visit), fields)
    visit.memory["flash"] = "The address is saved."
    return Redirect("/addresses")


@SITE.get("/addresses/{key}/edit")
@signed_in
def edit_page(visit: Visit, _: Request, key: str) -> Answered:
    """An address that is to be changed."""
    row = _own_address(visit, key)
    if row is None:
        return Missing("There is no such address.")
    return layout(visit, "Edit address", e.h1("Edit address"), *address_form(f"/addresses/{key}/edit", row, ""))


@SITE.post("/addresses/{key}/edit")
@signed_in
def save_edit(visit: Visit, request: Request, key: str) -> Answered:
    """Change an address."""
    if _own_address(visit, key) is None:
        return Missing("There is no such address.")
    fields, problem = read_address(request)
    if problem:
        return Invalid(layout(visit, "Edit address", e.h1("Edit address"), *address_form(f"/addresses/{key}/edit", fields, problem)), problem)
    edit_address(visit.database, key, fields)
    visit.memory["flash"] = "The address is changed."
    return Redirect("/addresses")


@SITE.post("/addresses/{key}/default")
@signed_in
def make_default(visit: Visit, _: Request, key: str) -> Answered:
    """Make an address the default."""
    if _own_address(visit, key) is not None:
        set_default_address(visit.database, user(visit), key)
        visit.memory["flash"] = "This is your default address now."
    return Redirect("/addresses")


@SITE.get("/addresses/{key}/delete")
@signed_in
def delete_page(visit: Visit, _: Request, key: str) -> Answered:
    """Whether an address is really to go."""
    row = _own_address(visit, key)
    if row is None:
        return Missing("There is no such address.")
    form = e.form(e.button("Delete this address", class_="danger"), method="post", action=f"/addresses/{key}/delete")
    return layout(visit, "Delete address", e.h1("Delete this address?"), e.p(address_line(row)), form, e.p(e.a("Keep it", href="/addresses")))


@SITE.post("/addresses/{key}/delete")
@signed_in
def delete(visit: Visit, _: Request, key: str) -> Answered:
    """Delete an address."""
    try:
        delete_address(visit.database, user(visit), key)
    except RefusedError as refusal:
        return Invalid(_addresses(visit, str(refusal)), str(refusal))
    visit.memory["flash"] = "The address is deleted."
    return Redirect("/addresses")


# Profile, wishlist, reviews.


@SITE.get("/profile")
@signed_in
def profile(visit: Visit, _: Request) -> Node:
    """E-mail address and newsletter."""
    row = visit.database.get("customers", user(visit)) or {}
    return _profile(visit, row["email"], bool(row["newsletter"]), "")


def _profile(visit: Visit, email: str, newsletter: bool, problem: str) -> Node:
    form = e.form(
        e.label("E-mail ", e.input(type="email", name="email", value=email, maxlength=60, aria_invalid="true" if problem else None)),
        e.label(e.input(type="checkbox", name="newsletter", value="1", checked=newsletter), "Send me the newsletter"),
        e.button("Save profile"),
        method="post",
        action="/profile",
        class_="card",
    )
    return layout(visit, "Profile", e.h1("Your profile"), alert(problem), form)


@SITE.post("/profile")
@signed_in
def save_profile(visit: Visit, request: Request) -> Answered:
    """Change them."""
    email, newsletter = request.one("email")[:60], bool(request.one("newsletter"))
    name, _, host = email.partition("@")
    if not name or "." not in host or " " in email:
        why = "This is no e-mail address."
        return Invalid(_profile(visit, email, newsletter, why), why)
    set_profile(visit.database, user(visit), email, newsletter)
    visit.memory["flash"] = "Your profile is saved."
    return Redirect("/profile")


@SITE.get("/wishlist")
@signed_in
def wishlist(visit: Visit, _: Request) -> Node:
    """What a customer would like to have."""
    shop = world(visit)
    products = [shop.products[row["product"]] for row in visit.database.all("SELECT product FROM wishlist WHERE customer = ? ORDER BY key", user(visit))]
    cards = [
        e.section(
            e.a(product.name, href=f"/p/{product.key}"),
            e.p(f"from {euros(product.price)}", class_="soft"),
            e.form(e.button("Remove", class_="plain"), method="post", action=f"/wishlist/{product.key}/remove"),
            class_="card",
        )
        for product in products
    ]
    return layout(visit, "Wishlist", e.h1("Your wishlist"), cards or e.p("There is nothing on your wishlist."))


@SITE.post("/wishlist/{key}/remove")
@signed_in
def remove_wish(visit: Visit, _: Request, key: str) -> Answered:
    """Take a product off it."""
    unwish(visit.database, user(visit), key)
    visit.memory["flash"] = "It is no longer on your wishlist."
    return Redirect("/wishlist")


@SITE.get("/p/{key}/review")
@signed_in
def review_form(visit: Visit, _: Request, key: str) -> Answered:
    """Where a review is written."""
    return _review(visit, key, "", "", "")


def _review(visit: Visit, key: str, rating: str, text: str, problem: str) -> Answered:
    product = world(visit).products.get(key)
    if product is None:
        return Missing("There is no such product.")
    form = e.form(
        selection("rating", "Stars", {"": "Choose", **{str(n): f"{n} of 5" for n in range(1, 6)}}, rating),
        e.label("Your review", for_="text"),
        e.textarea(text, id="text", name="text", maxlength=400),
        e.button("Send review"),
        method="post",
        action=f"/p/{key}/review",
        class_="card",
    )
    return layout(visit, "Write a review", e.h1(f"Your review of {product.name}"), alert(problem), form)


@SITE.post("/p/{key}/review")
@signed_in
def send_review(visit: Visit, request: Request, key: str) -> Answered:
    """Send a review."""
    rating, text = request.one("rating"), request.one("text")[:400]
    problem = "" if rating in ("1", "2", "3", "4", "5") and text else "A review has stars and a text."
    if problem:
        page = _review(visit, key, rating, text, problem)
        return Invalid(page, problem) if isinstance(page, Node) else page
    if key not in world(visit).products:
        return Missing("There is no such product.")
    write_review(visit.database, user(visit), key, int(rating), text)
    visit.memory["flash"] = "Thank you. Your review is shown as soon as we have read it."
    return Redirect(f"/p/{key}")


@SITE.get("/help")
def help_page(visit: Visit, _: Request) -> Node:
    """What things cost beside their price, and until when they may go back."""
    ways = e.table(e.tr(e.th("Delivery"), e.th("Cost and time")), [e.tr(e.td(name), e.td(said)) for name, _, _, said in DELIVERIES.values()])
    return layout(
        visit,
        "Help",
        e.h1("Help"),
        ways,
        e.p(f"Standard delivery is free from {euros(FREE_FROM)} on. Gift wrap costs {euros(GIFT_CENTS)}."),
        e.p(f"You can return what you do not like within {RETURN_DAYS} days after its delivery, on the page of the order."),
        e.p("An order can be cancelled, or sent to another address, as long as it is being processed. You pay by invoice."),
    )
