"""What can be done in the shop: each function works on the rows, and is used by the pages and to find out what a task should lead to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from prm_gym.envs.web.shop_rows import NOW, World, day_after
from prm_gym.envs.web.shop_words import COUPONS, DELIVERIES, GIFT_CENTS, RETURN_DAYS
from prm_gym.errors import RefusedError
from prm_gym.services import Database

FREE_FROM = 5000  # cents; standard delivery costs nothing from here on
MOST_PIECES = 9
ADDRESS_FIELDS = ("label", "name", "street", "zip", "city")


def cart_of(database: Database, customer: str) -> list[dict[str, Any]]:
    """The lines of a cart."""
    return database.all("SELECT * FROM cart WHERE customer = ? ORDER BY key", customer)


def put_into_cart(database: Database, world: World, customer: str, variant: str, quantity: int) -> None:
    """Add some pieces to a cart.

    Raises:
        RefusedError: there are not so many.
    """
    key = f"C-{customer}-{variant}"
    row = database.get("cart", key)
    set_quantity(database, world, customer, variant, quantity + (row["quantity"] if row else 0))


def set_quantity(database: Database, world: World, customer: str, variant: str, quantity: int) -> None:
    """Have so many pieces in a cart; 0 takes them out.

    Raises:
        RefusedError: there are not so many.
    """
    key, stock = f"C-{customer}-{variant}", world.variants[variant].stock
    if quantity > MOST_PIECES:
        raise RefusedError(f"At most {MOST_PIECES} pieces of a thing are sold at once.")
    if quantity > stock:
        raise RefusedError(f"Only {stock} of {world.product_of(variant).name} are in stock." if stock else "This is sold out.")
    if quantity <= 0:
        database.do("DELETE FROM cart WHERE key = ?", key)
    elif database.get("cart", key) is None:
        database.insert("cart", key, customer, variant, quantity)
    else:
        database.do("UPDATE cart SET quantity = ? WHERE key = ?", quantity, key)


class Ways(NamedTuple):
    """How an order is paid for and sent.

    Attributes:
        delivery: a key of `DELIVERIES`.
        coupon: a code; empty for none.
        gift: whether it is wrapped.
        message: that goes with the gift.
    """

    delivery: str = "standard"
    coupon: str = ""
    gift: bool = False
    message: str = ""


PLAIN = Ways()


def costs(world: World, lines: Mapping[str, int], ways: Ways = PLAIN) -> dict[str, int]:
    """What an order costs, in cents: "goods", "coupon" (taken off), "delivery", "gift" and "total"."""
    goods = sum(world.variants[variant].price * quantity for variant, quantity in lines.items())
    off = goods * COUPONS.get(ways.coupon, 0) // 100
    carriage = DELIVERIES[ways.delivery][1]
    if ways.delivery == "standard" and goods - off >= FREE_FROM:
        carriage = 0
    wrap = GIFT_CENTS if ways.gift else 0
    return {"goods": goods, "coupon": off, "delivery": carriage, "gift": wrap, "total": goods - off + carriage + wrap}


def place_order(
    database: Database,
    world: World,
    customer: str,
    lines: Mapping[str, int],
    *,
    address: str,
    ways: Ways = PLAIN,
    placed: str = "checkout",
) -> str:
    """Order some things; the cart is empty then, unless they were not in it.

    Returns:
        The number of the order.

    Raises:
        RefusedError: nothing is ordered, or there are not so many.
    """
    if not lines:
        raise RefusedError("Your cart is empty.")
    if any(quantity > world.variants[variant].stock for variant, quantity in lines.items()):
        raise RefusedError("Something of this is sold out.")
    latest = database.one("SELECT max(CAST(key AS INTEGER)) AS n FROM orders")
    key = str((latest or {"n": 0})["n"] + 3)
    total = costs(world, lines, ways)["total"]
    due = day_after(NOW, DELIVERIES[ways.delivery][2])
    gift, message = int(ways.gift), ways.message if ways.gift else ""
    database.insert("orders", key, customer, NOW, due, "processing", address, ways.delivery, ways.coupon, gift, message, total, placed)
    for variant, quantity in lines.items():
        database.insert("lines", f"{key}-{variant}", key, variant, quantity, world.variants[variant].price, "")
    if placed == "checkout":
        database.do("DELETE FROM cart WHERE customer = ?", customer)
    return key


def cancel_order(database: Database, order: str) -> None:
    """Cancel an order.

    Raises:
        RefusedError: it is on its way or was cancelled before.
    """
    row = database.get("orders", order)
    if row is None or row["status"] != "processing":
        raise RefusedError("Only an order that is being processed can be cancelled.")
    database.do("UPDATE orders SET status = 'cancelled' WHERE key = ?", order)


def can_return(order: Mapping[str, Any]) -> str:
    """Why an order cannot be returned; empty where it can."""
    if order["status"] != "delivered":
        return "Only what was delivered can be returned."
    if day_after(order["due"], RETURN_DAYS) < NOW:
        return f"The {RETURN_DAYS} days in which this order could be returned are over."
    return ""


def return_lines(database: Database, order: str, lines: list[str], reason: str) -> None:
    """Return some lines of an order.

    Raises:
        RefusedError: it is too late, or nothing is chosen.
    """
    row = database.get("orders", order)
    why = can_return(row) if row else "There is no such order."
    if why:
        raise RefusedError(why)
    for line in lines:
        database.do("UPDATE lines SET returned = ? WHERE key = ? AND order_key = ? AND returned = ''", reason, line, order)


def change_address_of_order(database: Database, order: str, address: str) -> None:
    """Send an order to another address.

    Raises:
        RefusedError: it is on its way.
    """
    row = database.get("orders", order)
    if row is None or row["status"] != "processing":
        raise RefusedError("The address can be changed only as long as the order is being processed.")
    database.do("UPDATE orders SET address = ? WHERE key = ?", address, order)


def add_address(database: Database, customer: str, fields: Mapping[str, str]) -> str:
    """Add an address to an address book; its key."""
    latest = database.one("SELECT max(CAST(substr(key, 2) AS INTEGER)) AS n FROM addresses")
    key = f"A{(latest or {'n': 0})['n'] + 1:02}"
    database.insert("addresses", key, customer, *(fields[name] for name in ADDRESS_FIELDS))
    return key


def edit_address(database: Database, address: str, fields: Mapping[str, str]) -> None:
    """Change an address."""
    database.do("UPDATE addresses SET label = ?, name = ?, street = ?, zip = ?, city = ? WHERE key = ?", *(fields[name] for name in ADDRESS_FIELDS), address)


def delete_address(database: Database, customer: str, address: str) -> None:
    """Take an address out of the book.

    Raises:
        RefusedError: it is the default.
    """
    row = database.get("customers", customer)
    if row is not None and row["address"] == address:
        raise RefusedError("The default address cannot be deleted: make another one the default first.")
    database.do("DELETE FROM addresses WHERE key = ? AND customer = ?", address, customer)


def set_default_address(database: Database, customer: str, address: str) -> None:
    """Make an address the default."""
    database.do("UPDATE customers SET address = ? WHERE key = ?", address, customer)


def set_profile(database: Database, customer: str, email: str, newsletter: bool) -> None:
    """Change the e-mail address, and whether the newsletter comes."""
    database.do("UPDATE customers SET email = ?, newsletter = ? WHERE key = ?", email, int(newsletter), customer)


def wish(database: Database, customer: str, product: str) -> None:
    """Put a product on the wishlist."""
    key = f"W-{customer}-{product}"
    if database.get("wishlist", key) is None:
        database.insert("wishlist", key, customer, product)


def unwish(database: Database, customer: str, product: str) -> None:
    """Take a product off the wishlist."""
    database.do("DELETE FROM wishlist WHERE key = ?", f"W-{customer}-{product}")


def write_review(database: Database, customer: str, product: str, rating: int, text: str) -> None:
    """Write a review; it waits until the shop has looked at it.

    Raises:
        RefusedError: there is one already.
    """
    author = f"customer {customer}"
    if database.one("SELECT 1 FROM reviews WHERE product = ? AND author = ?", product, author) is not None:
        raise RefusedError("You have reviewed this already.")
    database.insert("reviews", f"R-{customer}-{product}", product, author, rating, text, "waiting")
