"""The tools of `prm_gym/Retail-v0`: functions over the database, each in one transaction.

They refuse what the shop's own system would refuse (a status, an empty shelf, an empty gift card). They do not hold the agent to the policy: who is on the
line, what was agreed and how long ago something was delivered is for the agent to mind.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from prm_gym.arithmetic import ExpressionError, evaluate
from prm_gym.claims import StepKind
from prm_gym.envs.tools.retail_shop import TODAY, money
from prm_gym.errors import RefusedError
from prm_gym.services import Database, Operation
from prm_gym.services.scenario import Arguments, Run
from prm_gym.tools import Tool

REASONS = ("no longer needed", "ordered by mistake")
EXPRESSION_LENGTH = 200

_TEXT: dict[str, Any] = {"type": "string", "maxLength": 200}
_IDS: dict[str, Any] = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 10, "uniqueItems": True}
_VARIANTS: dict[str, Any] = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 10}
_ADDRESS = {"street": _TEXT, "city": _TEXT, "zip": {"type": "string", "pattern": "^[0-9]{5}$", "maxLength": 5}}


def find_user_by_email(database: Database, arguments: Arguments) -> str:
    """The number of the user with an address."""
    user = database.one("SELECT id FROM users WHERE email = ?", arguments["email"])
    if user is None:
        raise RefusedError("no user has this e-mail address")
    return f"user {user['id']}"


def find_user_by_name(database: Database, arguments: Arguments) -> str:
    """The number of the user with a name and a zip code."""
    user = database.one("SELECT id FROM users WHERE lower(name) = lower(?) AND zip = ?", arguments["name"], arguments["zip"])
    if user is None:
        raise RefusedError("no user has this name and zip code")
    return f"user {user['id']}"


def get_user(database: Database, arguments: Arguments) -> str:
    """Profile and payment methods."""
    user = _row(database, "users", arguments["user_id"])
    payments = database.all("SELECT * FROM payments WHERE user_id = ? ORDER BY id", user["id"])
    listed = [f"{row['id']}: {row['kind']}" + (f", balance {money(_balance(database, row))}" if row["kind"] == "gift_card" else "") for row in payments]
    return "\n".join([f"user {user['id']}: {user['name']}, {user['email']}, {user['street']}, {user['city']}, {user['zip']}", "payment methods:", *listed])


def list_orders(database: Database, arguments: Arguments) -> str:
    """The orders of a user in one line each."""
    user = _row(database, "users", arguments["user_id"])
    orders = database.all("SELECT * FROM orders WHERE user_id = ? ORDER BY id", user["id"])
    return "\n".join(f"{row['id']}: {row['status']}, ordered on day {row['ordered_on']}, {', '.join(_goods(database, row['id']))}" for row in orders)


def get_order(database: Database, arguments: Arguments) -> str:
    """An order with its lines."""
    order = _row(database, "orders", arguments["order_id"])
    delivered = f", delivered on day {order['delivered_on']}" if order["delivered_on"] is not None else ""
    once = "already" if order["changed"] else "not"
    heads = [
        f"order {order['id']} of user {order['user_id']}: {order['status']}, ordered on day {order['ordered_on']}{delivered}",
        f"to {order['street']}, {order['city']}, {order['zip']}; paid with {order['payment_id']}; items {once} changed or exchanged",
    ]
    if order["status"] == "cancelled":
        heads.append(f"settled {money(-_total(database, order['id']))} on {order['payment_id']}")
    query = "SELECT settled_on, sum(settled) AS total FROM lines WHERE order_id = ? AND settled_on IS NOT NULL GROUP BY settled_on ORDER BY settled_on"
    heads += [f"settled {money(row['total'])} on {row['settled_on']}" for row in database.all(query, order["id"])]
    lines = [
        f"{row['id']}: {row['name']} ({row['options']}), product {row['product_id']}, variant {row['variant_id']}, {money(row['price'])}, {row['state']}"
        for row in _lines(database, order["id"])
    ]
    return "\n".join([*heads, *lines])


def search_products(database: Database, arguments: Arguments) -> str:
    """The products whose name holds a text."""
    text = arguments["text"].strip().casefold()
    found = [row for row in database.all("SELECT * FROM products ORDER BY name") if text in row["name"].casefold()]
    return "\n".join(f"{row['id']}: {row['name']}" for row in found) or "nothing found"


def get_product(database: Database, arguments: Arguments) -> str:
    """A product with its variants."""
    product = _row(database, "products", arguments["product_id"])
    variants = database.all("SELECT * FROM variants WHERE product_id = ? ORDER BY id", product["id"])
    listed = [f"{row['id']}: {row['options']}, {money(row['price'])}, {'available' if row['available'] else 'not available'}" for row in variants]
    return "\n".join([f"product {product['id']}: {product['name']}", *listed])


def cancel_order(database: Database, arguments: Arguments) -> str:
    """Cancel a pending order and refund it."""
    order = _pending(database, arguments)
    database.do("UPDATE orders SET status = 'cancelled', reason = ? WHERE id = ?", arguments["reason"], order["id"])
    return f"order {order['id']} is cancelled; {money(_total(database, order['id']))} go back to {order['payment_id']}"


def change_order_address(database: Database, arguments: Arguments) -> str:
    """Where a pending order goes."""
    order = _pending(database, arguments)
    database.do("UPDATE orders SET street = ?, city = ?, zip = ? WHERE id = ?", *(arguments[name] for name in _ADDRESS), order["id"])
    return f"order {order['id']} goes to {arguments['street']}, {arguments['city']}, {arguments['zip']}"


def change_order_payment(database: Database, arguments: Arguments) -> str:
    """How a pending order is paid."""
    order, payment = _pending(database, arguments), _row(database, "payments", arguments["payment_id"])
    if payment["id"] == order["payment_id"]:
        raise RefusedError("the order is paid with this already")
    if payment["kind"] == "gift_card" and _balance(database, payment) < _total(database, order["id"]):
        raise RefusedError("the gift card does not cover the order")
    database.do("UPDATE orders SET payment_id = ? WHERE id = ?", payment["id"], order["id"])
    return f"order {order['id']} is paid with {payment['id']}"


def change_order_items(database: Database, arguments: Arguments) -> str:
    """Other variants for lines of a pending order."""
    order = _pending(database, arguments)
    difference = _replace(database, order, arguments, "variant_id = ?, price = ?")
    return f"the items of order {order['id']} are changed; the difference is {money(difference)} on {arguments['payment_id']}"


def return_items(database: Database, arguments: Arguments) -> str:
    """Take back lines of a delivered order."""
    order, payment = _delivered(database, arguments), _row(database, "payments", arguments["payment_id"])
    lines = [_line(database, order, line) for line in arguments["line_ids"]]
    total = sum(line["price"] for line in lines)
    for line in lines:
        database.do("UPDATE lines SET state = 'return requested' WHERE id = ?", line["id"])
    _settle(database, payment, {line["id"]: -line["price"] for line in lines})
    return f"the return of {len(lines)} item{'s' * (len(lines) > 1)} of order {order['id']} is requested; {money(total)} go to {payment['id']}"


def exchange_items(database: Database, arguments: Arguments) -> str:
    """Other variants for lines of a delivered order."""
    order = _delivered(database, arguments)
    if order["changed"]:
        raise RefusedError("items of this order have been exchanged already")
    difference = _replace(database, order, arguments, "state = 'exchange requested', new_variant_id = ?")
    return f"the exchange in order {order['id']} is requested; the difference is {money(difference)} on {arguments['payment_id']}"


def change_home_address(database: Database, arguments: Arguments) -> str:
    """The address in a profile."""
    user = _row(database, "users", arguments["user_id"])
    database.do("UPDATE users SET street = ?, city = ?, zip = ? WHERE id = ?", *(arguments[name] for name in _ADDRESS), user["id"])
    return f"the home address of user {user['id']} is {arguments['street']}, {arguments['city']}, {arguments['zip']}"


def calculate(_database: Database, arguments: Arguments) -> str:
    """The value of an expression."""
    try:
        value = Fraction(evaluate(arguments["expression"]))
    except ExpressionError as error:
        raise RefusedError(f"this is no expression of numbers, + - * / and parentheses: {error}") from error
    cents = round(value * 100)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def transfer_to_person(_database: Database, _arguments: Arguments) -> str:
    """Hand the customer over."""
    return "the customer is handed over to a colleague"


def finish(_database: Database, _arguments: Arguments) -> str:
    """End the conversation."""
    return "the conversation is over"


def _row(database: Database, table: str, key: str) -> dict[str, Any]:
    row = database.get(table, key)
    if row is None:
        raise RefusedError(f"there is no such {_WORDS[table]}")
    return row


_WORDS = {"users": "user", "payments": "payment method", "products": "product", "variants": "variant", "orders": "order", "lines": "item"}


def _goods(database: Database, order: str) -> list[str]:
    return [row["name"] for row in _lines(database, order)]


def _lines(database: Database, order: str) -> list[dict[str, Any]]:
    query = "SELECT lines.*, options, product_id, name FROM lines JOIN variants ON variants.id = variant_id JOIN products ON products.id = product_id"
    return database.all(f"{query} WHERE order_id = ? ORDER BY lines.id", order)


def _total(database: Database, order: str) -> int:
    total = database.one("SELECT sum(price) AS total FROM lines WHERE order_id = ?", order)
    return int(total["total"]) if total is not None else 0


def _pending(database: Database, arguments: Arguments) -> dict[str, Any]:
    order = _row(database, "orders", arguments["order_id"])
    if order["status"] != "pending":
        raise RefusedError(f"the order is {order['status']}, and only pending orders can be changed or cancelled")
    if order["changed"]:
        raise RefusedError("the items of this order have been changed already, and it is fixed now")
    return order


def _delivered(database: Database, arguments: Arguments) -> dict[str, Any]:
    order = _row(database, "orders", arguments["order_id"])
    if order["status"] != "delivered":
        raise RefusedError(f"the order is {order['status']}, and only delivered orders can be returned or exchanged")
    return order


def _line(database: Database, order: dict[str, Any], key: str) -> dict[str, Any]:
    line = _row(database, "lines", key)
    if line["order_id"] != order["id"]:
        raise RefusedError("the item is not of this order")
    if line["state"] != "ordered":
        raise RefusedError(f"for this item there is a request already: {line['state']}")
    return line


def _replace(database: Database, order: dict[str, Any], arguments: Arguments, assignments: str) -> int:
    """Give lines other variants by assignments of the variant and, where there is a second mark, its price; the difference in price, which is settled."""
    payment = _row(database, "payments", arguments["payment_id"])
    if len(arguments["line_ids"]) != len(arguments["variant_ids"]):
        raise RefusedError("for each item one new variant is needed")
    differences: dict[str, int] = {}
    for key, wanted in zip(arguments["line_ids"], arguments["variant_ids"], strict=True):
        line, variant = _line(database, order, key), _row(database, "variants", wanted)
        if not variant["available"]:
            raise RefusedError("a new variant is not available")
        if variant["id"] == line["variant_id"]:
            raise RefusedError("the new variant is the old one")
        differences[key] = variant["price"] - line["price"]
        database.do(f"UPDATE lines SET {assignments} WHERE id = ?", *(variant["id"], variant["price"])[: assignments.count("?")], key)
    _settle(database, payment, differences)
    database.do("UPDATE orders SET changed = 1 WHERE id = ?", order["id"])
    return sum(differences.values())


def _balance(database: Database, payment: dict[str, Any]) -> int:
    """What is on a gift card: what was on it at first, and what has been settled with it since."""
    settled = database.one("SELECT coalesce(sum(settled), 0) AS total FROM lines WHERE settled_on = ?", payment["id"])
    return payment["balance"] - (settled["total"] if settled is not None else 0)


def _settle(database: Database, payment: dict[str, Any], amounts: Mapping[str, int]) -> None:
    """Charge an amount for each of some lines, or refund it where it is below 0. Each line keeps its own, so that one call or several come to the same."""
    if payment["kind"] == "gift_card" and _balance(database, payment) < sum(amounts.values()):
        raise RefusedError("the gift card does not cover the difference")
    for line, amount in amounts.items():
        database.do("UPDATE lines SET settled_on = ?, settled = ? WHERE id = ?", payment["id"], amount, line)


_ORDER = {"order_id": "orders"}
_PAID = {**_ORDER, "line_ids": "lines", "payment_id": "payments"}


def _tool(kind: StepKind, name: str, run: Run, description: str, parameters: dict[str, Any], refers: dict[str, str]) -> Operation:
    return Operation(Tool(name, description, parameters), run, kind, refers)


_LIST = (
    _tool("read", "find_user_by_email", find_user_by_email, "Finds a user by e-mail address.", {"email": _TEXT}, {"email": "users.email"}),
    _tool(
        "read", "find_user_by_name", find_user_by_name, "Finds a user by full name and zip code.", {"name": _TEXT, "zip": _ADDRESS["zip"]}, {"zip": "users.zip"}
    ),
    _tool("read", "get_user", get_user, "Shows a user's profile and payment methods.", {"user_id": _TEXT}, {"user_id": "users"}),
    _tool("read", "list_orders", list_orders, "Lists a user's orders.", {"user_id": _TEXT}, {"user_id": "users"}),
    _tool("read", "get_order", get_order, "Shows an order with its items.", {"order_id": _TEXT}, _ORDER),
    _tool("read", "search_products", search_products, "Finds products by a part of their name.", {"text": _TEXT}, {}),
    _tool(
        "read",
        "get_product",
        get_product,
        "Shows a product with its variants, prices and what is available.",
        {"product_id": _TEXT},
        {"product_id": "products"},
    ),
    _tool("write", "cancel_order", cancel_order, "Cancels a pending order.", {"order_id": _TEXT, "reason": {"type": "string", "enum": list(REASONS)}}, _ORDER),
    _tool("write", "change_order_address", change_order_address, "Changes where a pending order is sent.", {"order_id": _TEXT, **_ADDRESS}, _ORDER),
    _tool(
        "write",
        "change_order_payment",
        change_order_payment,
        "Changes how a pending order is paid.",
        {"order_id": _TEXT, "payment_id": _TEXT},
        {"order_id": "orders", "payment_id": "payments"},
    ),
    _tool(
        "write",
        "change_order_items",
        change_order_items,
        "Changes items of a pending order to other variants of the same products; once an order, and the order is fixed then.",
        {"order_id": _TEXT, "line_ids": _IDS, "variant_ids": _VARIANTS, "payment_id": _TEXT},
        {**_PAID, "variant_ids": "variants"},
    ),
    _tool(
        "write",
        "return_items",
        return_items,
        "Requests the return of items of a delivered order.",
        {"order_id": _TEXT, "line_ids": _IDS, "payment_id": _TEXT},
        _PAID,
    ),
    _tool(
        "write",
        "exchange_items",
        exchange_items,
        "Requests the exchange of items of a delivered order for other variants of the same products; once an order.",
        {"order_id": _TEXT, "line_ids": _IDS, "variant_ids": _VARIANTS, "payment_id": _TEXT},
        {**_PAID, "variant_ids": "variants"},
    ),
    _tool(
        "write", "change_home_address", change_home_address, "Changes the address in a user's profile.", {"user_id": _TEXT, **_ADDRESS}, {"user_id": "users"}
    ),
    _tool(
        "read",
        "calculate",
        calculate,
        "Computes an expression of numbers, + - * / and parentheses, to two places.",
        {"expression": {"type": "string", "maxLength": EXPRESSION_LENGTH}},
        {},
    ),
    Operation(
        Tool(transfer_to_person.__name__, "Hands the customer over to a colleague and ends the conversation.", {"summary": _TEXT}), transfer_to_person, "end"
    ),
    _tool("end", "finish", finish, "Ends the conversation when everything has been dealt with.", {}, {}),
)
OPERATIONS = {operation.tool.name: operation for operation in _LIST}

POLICY = f"""\
You serve the customers of a shop. Today is day {TODAY}. Speak with the customer in plain messages, and work with the tools; one message or call a step.
1. Find out first who the customer is: by e-mail address, or by name and zip code. Before that, look at nobody's profile or orders.
2. Help with the customer's own profile and orders alone, never with those of others.
3. Before a call that changes anything, say in one message what exactly will be done, with the numbers of the order, the items, the new variants and the
   payment method, the reason or the address, and with no numbers of anything else; ask for a yes. Make the call only after the yes.
4. A pending order can be cancelled, for one of the two reasons that the tool knows; its address, payment method and items can be changed. Items are changed
   once, for available variants of the same product. Orders that are shipped cannot be changed.
5. Items of a delivered order can be returned or exchanged within 30 days of the delivery; exchanged once, for available variants of the same product.
6. Refunds of returns go to the payment method of the order or to a gift card of the customer, nowhere else. Differences in price are settled with any method
   of the customer.
7. Refuse what the policy forbids, with the number of the order. Tell amounts only as they are. When the customer wants what no tool can do and the policy
   does not forbid (a complaint, an invoice), hand over to a colleague; never otherwise.
8. When the customer has nothing else, finish."""
