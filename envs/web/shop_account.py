"""The pages of the shop for its customers: orders, returns, addresses, profile, wishlist and their own reviews."""

from typing import Any

from prm_gym.envs.web.shop_acts import (
    can_return,
    cancel_order,
    change_address_of_order,
    put_into_cart,
    return_lines,
)
from prm_gym.envs.web.shop_checkout import address_line, addresses_of, line_name
from prm_gym.envs.web.shop_pages import SITE, alert, layout, selection, signed_in, user, world
from prm_gym.envs.web.shop_rows import euros
from prm_gym.envs.web.shop_words import DELIVERIES, REASONS
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e
from prm_gym.web.site import Answered

ORDERS_A_PAGE = 4


@SITE.get("/account")
@signed_in
def account(visit: Visit, _: Request) -> Node:
    """Where a customer finds what is theirs."""
    row = visit.database.get("customers", user(visit)) or {}
    places = {"Your orders": "/orders", "Addresses": "/addresses", "Profile": "/profile", "Your wishlist": "/wishlist"}
    links = e.ul([e.li(e.a(name, href=path)) for name, path in places.items()], class_="card")
    leave = e.form(e.button("Sign out", class_="plain"), method="post", action="/logout")
    return layout(visit, "Account", e.h1("Your account"), e.p(f"Signed in as {row['name']}"), links, leave)


# Orders.


@SITE.get("/orders")
@signed_in
def orders(visit: Visit, request: Request) -> Node:
    """The orders, the latest first."""
    found = visit.database.all("SELECT * FROM orders WHERE customer = ? ORDER BY date DESC, CAST(key AS INTEGER) DESC", user(visit))
    pages = max(1, -(-len(found) // ORDERS_A_PAGE))
    page = min(max(int(request.one("page")) if request.one("page") in ("1", "2", "3", "4") else 1, 1), pages)
    cards = [_order_card(visit, row) for row in found[(page - 1) * ORDERS_A_PAGE : page * ORDERS_A_PAGE]]
    near = [("Newer orders", page - 1)] * (page > 1) + [("Older orders", page + 1)] * (page < pages)
    pager = e.nav([e.a(text, href=f"/orders?page={to}") for text, to in near], class_="row") if near else None
    return layout(visit, "Your orders", e.h1("Your orders"), e.p(f"{len(found)} orders", class_="soft"), cards, pager)


def _order_card(visit: Visit, row: dict[str, Any]) -> Node:
    names = [line_name(world(visit), line["variant"]) for line in _lines(visit, row["key"])]
    quick = e.form(e.button(f"Cancel order {row['key']}", class_="plain"), method="post", action=f"/orders/{row['key']}/cancel")
    return e.section(
        e.p(e.a(f"Order {row['key']}", href=f"/orders/{row['key']}"), f" of {row['date']}, {row['status']}"),
        e.p("; ".join(names), class_="soft"),
        quick if row["status"] == "processing" else None,
        class_="card",
    )


def _lines(visit: Visit, order: str) -> list[dict[str, Any]]:
    return visit.database.all("SELECT * FROM lines WHERE order_key = ? ORDER BY key", order)


def _own(visit: Visit, key: str) -> dict[str, Any] | None:
    row = visit.database.get("orders", key)
    return row if row is not None and row["customer"] == user(visit) else None


@SITE.get("/orders/{key}")
@signed_in
def order_page(visit: Visit, _: Request, key: str) -> Answered:
    """One order."""
    row = _own(visit, key)
    if row is None:
        return Missing("There is no such order.")
    if key not in visit.memory.get("viewed", ()):
        visit.memory["viewed"] = sorted([*visit.memory.get("viewed", ()), key])
    shop, open_ = world(visit), row["status"] == "processing"
    goods = [
        e.tr(
            e.td(e.a(line_name(shop, line["variant"]), href=f"/p/{shop.variants[line['variant']].product}")),
            e.td(f"{line['quantity']} x {euros(line['price'])}{', returned' if line['returned'] else ''}"),
            [e.td(e.a("Write a review", href=f"/p/{shop.variants[line['variant']].product}/review"))] * (row["status"] == "delivered"),
        )
        for line in _lines(visit, key)
    ]
    address = visit.database.get("addresses", row["address"])
    extras = [text for text, there in ((f"gift wrap: {row['message']}", row["gift"]), (f"coupon: {row['coupon']}", row["coupon"])) if there]
    facts = {
        "Date": row["date"],
        "Status": row["status"],
        "Delivered on" if row["status"] == "delivered" else "Should arrive on": row["due"],
        "Delivery": DELIVERIES[row["delivery"]][0],
        **(
            {"Deliver to": f"{address['label']}: {address['name']}", "Street": address["street"], "City": address["city"]}
            if address
            else {"Deliver to": "an address that was deleted"}
        ),
        "Total": euros(row["total"]),
    }
    deeds = [
        e.button("Cancel this order", type="button", data_open="cancel", class_="danger") if open_ else None,
        e.a("Change the address", href=f"/orders/{key}/address") if open_ else None,
        e.a("Return something", href=f"/orders/{key}/return") if row["status"] == "delivered" else None,
        e.form(e.button("Order again", class_="plain"), method="post", action=f"/orders/{key}/again"),
    ]
    return layout(
        visit,
        f"Order {key}",
        e.h1(f"Order {key}"),
        e.table(goods),
        e.table([e.tr(e.th(name), e.td(value)) for name, value in facts.items() if row["status"] != "cancelled" or name != "Should arrive on"]),
        e.p(", ".join(extras)) if extras else None,
        e.div(deeds, class_="row"),
        _cancel_dialog(key) if open_ else None,
    )


def _cancel_dialog(key: str) -> Node:
    return e.dialog(
        e.h2(f"Cancel order {key}?"),
        e.p("All of it is cancelled, and that cannot be undone."),
        e.button("Keep it", type="button", data_close=True, class_="plain"),
        e.form(e.button("Yes, cancel it", class_="danger"), method="post", action=f"/orders/{key}/cancel"),
        id="cancel",
    )


@SITE.post("/orders/{key}/cancel")
@signed_in
def cancel(visit: Visit, _: Request, key: str) -> Answered:
    """Cancel an order."""
    if _own(visit, key) is None:
        return Missing("There is no such order.")
    cancel_order(visit.database, key)
    visit.tell("touched", order=key, seen=key in visit.memory.get("viewed", ()))
    visit.memory["flash"] = f"Order {key} is cancelled."
    return Redirect(f"/orders/{key}")


@SITE.post("/orders/{key}/again")
@signed_in
def order_again(visit: Visit, _: Request, key: str) -> Answered:
    """Put all of an order into the cart, as far as there is of it."""
    if _own(visit, key) is None:
        return Missing("There is no such order.")
    left: list[str] = []
    for line in _lines(visit, key):
        try:
            put_into_cart(visit.database, world(visit), user(visit), line["variant"], line["quantity"])
        except RefusedError:
            left.append(line_name(world(visit), line["variant"]))
    visit.memory["flash"] = f"These could not be had any more: {'; '.join(left)}." if left else f"All of order {key} is in your cart."
    return Redirect("/cart")


@SITE.get("/orders/{key}/address")
@signed_in
def order_address(visit: Visit, _: Request, key: str) -> Answered:
    """Where the address of an order is changed."""
    row = _own(visit, key)
    if row is None or row["status"] != "processing":
        return Missing("The address of this order cannot be changed.")
    choices = [e.label(e.input(type="radio", name="address", value=a["key"], checked=a["key"] == row["address"]), address_line(a)) for a in addresses_of(visit)]
    form = e.form(e.fieldset(e.legend("Deliver to"), choices), e.button("Save"), method="post", action=f"/orders/{key}/address", class_="card")
    return layout(visit, f"Address of order {key}", e.h1(f"Address of order {key}"), form)


@SITE.post("/orders/{key}/address")
@signed_in
def change_order_address(visit: Visit, request: Request, key: str) -> Answered:
    """Change the address of an order."""
    if _own(visit, key) is None or all(row["key"] != request.one("address") for row in addresses_of(visit)):
        return Missing("There is no such order.")
    change_address_of_order(visit.database, key, request.one("address"))
    visit.tell("touched", order=key, seen=key in visit.memory.get("viewed", ()))
    visit.memory["flash"] = f"The address of order {key} is changed."
    return Redirect(f"/orders/{key}")


@SITE.get("/orders/{key}/return")
@signed_in
def return_page(visit: Visit, _: Request, key: str) -> Answered:
    """Where things are returned."""
    return _return(visit, key, "", "", ())


def _return(visit: Visit, key: str, problem: str, reason: str, chosen: tuple[str, ...]) -> Answered:
    row = _own(visit, key)
    if row is None:
        return Missing("There is no such order.")
    title = f"Return from order {key}"
    why = can_return(row)
    if why:
        return layout(visit, title, e.h1(title), e.p(why), e.p(e.a(f"Back to order {key}", href=f"/orders/{key}")))
    lines = [line for line in _lines(visit, key) if not line["returned"]]
    boxes = [
        e.label(e.input(type="checkbox", name="line", value=line["key"], checked=line["key"] in chosen), line_name(world(visit), line["variant"]))
        for line in lines
    ]
    form = e.form(
        e.fieldset(e.legend("What do you send back?"), boxes),
        selection("reason", "Reason", {"": "Choose a reason", **{one: one for one in REASONS}}, reason),
        e.button("Send return"),
        method="post",
        action=f"/orders/{key}/return",
        class_="card",
    )
    return layout(visit, title, e.h1(title), alert(problem), form if lines else e.p("All of it was returned."))


@SITE.post("/orders/{key}/return")
@signed_in
def send_return(visit: Visit, request: Request, key: str) -> Answered:
    """Return things."""
    if _own(visit, key) is None:
        return Missing("There is no such order.")
    chosen, reason = tuple(request.all("line")), request.one("reason")
    problem = "" if chosen and reason in REASONS else "Choose what you send back, and why."
    if problem:
        page = _return(visit, key, problem, reason, chosen)
        return Invalid(page, problem) if isinstance(page, Node) else page
    return_lines(visit.database, key, list(chosen), reason)
    visit.tell("touched", order=key, seen=key in visit.memory.get("viewed", ()))
    visit.memory["flash"] = "Your return is on its way to us."
    return Redirect(f"/orders/{key}")
