"""The shop of `prm_gym/Retail-v0`: its tables, its goods and customers, and rows drawn from a random generator."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from prm_gym.services import Row, Table

TODAY = 180  # days are counted from the opening of the shop
RETURN_DAYS = 30

TABLES = (
    Table("users", {"id": "TEXT", "name": "TEXT", "email": "TEXT", "street": "TEXT", "city": "TEXT", "zip": "TEXT"}),
    Table("payments", {"id": "TEXT", "user_id": "TEXT", "kind": "TEXT", "balance": "INTEGER"}),
    Table("products", {"id": "TEXT", "name": "TEXT"}),
    Table("variants", {"id": "TEXT", "product_id": "TEXT", "options": "TEXT", "price": "INTEGER", "available": "INTEGER"}),
    Table(
        "orders",
        {
            "id": "TEXT",
            "user_id": "TEXT",
            "status": "TEXT",
            "ordered_on": "INTEGER",
            "delivered_on": "INTEGER",
            "street": "TEXT",
            "city": "TEXT",
            "zip": "TEXT",
            "payment_id": "TEXT",
            "changed": "INTEGER",
            "reason": "TEXT",
        },
        one_way=("status", "changed", "reason"),
    ),
    Table(
        "lines",
        {
            "id": "TEXT",
            "order_id": "TEXT",
            "variant_id": "TEXT",
            "price": "INTEGER",
            "state": "TEXT",
            "new_variant_id": "TEXT",
            "settled_on": "TEXT",
            "settled": "INTEGER",
        },
        one_way=("variant_id", "price", "state", "new_variant_id", "settled_on", "settled"),
    ),
)

# Goods: the options of each, and a price in cents.
GOODS: dict[str, tuple[dict[str, tuple[str, ...]], int]] = {
    "hiking boots": ({"size": ("39", "41", "43"), "colour": ("brown", "black")}, 11900),
    "desk lamp": ({"colour": ("white", "black", "copper"), "plug": ("EU", "UK")}, 4600),
    "rain jacket": ({"size": ("S", "M", "L"), "colour": ("yellow", "navy")}, 8950),
    "tea kettle": ({"volume": ("1.0 l", "1.7 l"), "finish": ("steel", "red", "cream")}, 5400),
    "backpack": ({"volume": ("20 l", "35 l"), "colour": ("green", "grey", "orange")}, 7600),
    "headphones": ({"colour": ("silver", "blue", "black"), "fit": ("over-ear", "in-ear")}, 13900),
    "wall clock": ({"diameter": ("25 cm", "35 cm"), "dial": ("plain", "numbered", "mirror")}, 3800),
    "yoga mat": ({"thickness": ("4 mm", "6 mm"), "colour": ("plum", "teal", "sand")}, 2900),
    "cast-iron pan": ({"diameter": ("24 cm", "28 cm"), "handle": ("iron", "oak")}, 6700),
    "bicycle light": ({"power": ("40 lux", "70 lux", "100 lux"), "mount": ("clip", "screw")}, 3300),
}
FIRST = ("Ada", "Bruno", "Carla", "Deniz", "Edda", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kirsi", "Leon")
LAST = ("Abel", "Brandt", "Costa", "Dahl", "Ekman", "Fontana", "Gruber", "Hansen", "Ivanov", "Jansen", "Keller", "Lindt")
STREETS = ("Alder Lane", "Birch Road", "Castle Street", "Dock Street", "Elm Avenue", "Foundry Row", "Garden Walk", "Harbour Road")
CITIES = ("Ashford", "Brookfield", "Clearwater", "Dunmore", "Eastvale", "Fairhaven")
KINDS = ("gift_card", "credit_card", "paypal")

USERS, ORDERS_EACH = 5, 5


class Shop(NamedTuple):
    """The rows of a shop, by table, and whom the task is about.

    Attributes:
        rows: a value for each column.
        customer: the row of the one who calls.
        other: the row of somebody whose order they ask about.
    """

    rows: dict[str, list[Row]]
    customer: Row
    other: Row


def new_shop(rng: np.random.Generator) -> Shop:
    """A shop with five customers of five orders each."""
    numbers = iter((rng.permutation(9000) + 1000).tolist())
    products: list[Row] = []
    variants: list[Row] = []
    for name, (options, price) in GOODS.items():
        product = f"P{next(numbers)}"
        products.append((product, name))
        variants += _variants(rng, numbers, product, options, price)
    users: list[Row] = []
    payments: list[Row] = []
    orders: list[Row] = []
    lines: list[Row] = []
    firsts, lasts = rng.permutation(len(FIRST)).tolist(), rng.permutation(len(LAST)).tolist()
    for i in range(USERS):
        first, last = FIRST[firsts[i]], LAST[lasts[i]]
        user = (f"U{next(numbers)}", f"{first} {last}", f"{first}.{last}{rng.integers(10, 99)}@example.com".lower(), *_address(rng))
        users.append(user)
        own: list[Row] = [(f"G{next(numbers)}", user[0], "gift_card", int(rng.integers(20, 400)) * 100)]
        own += [(f"C{next(numbers)}", user[0], kind, None) for kind in ("credit_card", "credit_card" if rng.random() < 0.4 else "paypal")]
        payments += own
        for status in _statuses(rng):
            order, of_order = _order(rng, numbers, user, own, variants, status)
            orders.append(order)
            lines += of_order
    rows = {"users": users, "payments": payments, "products": products, "variants": variants, "orders": orders, "lines": lines}
    return Shop(rows, users[0], users[1])


def _variants(rng: np.random.Generator, numbers: Iterator[int], product: str, options: dict[str, tuple[str, ...]], price: int) -> list[Row]:
    (one, ones), (other, others) = options.items()
    made: list[Row] = []
    for a in ones:
        for b in others:
            cents = price + int(rng.integers(-8, 9)) * 150
            made.append((f"V{next(numbers)}", product, f"{one} {a}, {other} {b}", cents, int(rng.random() < 0.75)))
    return made


def _statuses(rng: np.random.Generator) -> list[str]:
    """Two pending orders, one on its way, and two delivered: one of them too long ago to return."""
    statuses = ["pending", "pending", "shipped", "delivered", "delivered long ago"]
    return [statuses[i] for i in rng.permutation(len(statuses))]


def _order(rng: np.random.Generator, numbers: Iterator[int], user: Row, own: list[Row], variants: list[Row], status: str) -> tuple[Row, list[Row]]:
    order, payment = f"W{next(numbers)}", own[int(rng.integers(1, 3))][0]  # paid by card: what is refunded to the gift card is then a choice
    delivered = None
    if status == "delivered":
        delivered = TODAY - int(rng.integers(3, RETURN_DAYS - 2))
    elif status == "delivered long ago":
        status, delivered = "delivered", TODAY - RETURN_DAYS - int(rng.integers(5, 60))
    ordered = (delivered or TODAY) - int(rng.integers(2, 9))
    row: Row = (order, user[0], status, ordered, delivered, *user[3:6], payment, 0, None)
    chosen: list[Row] = []
    most = int(rng.integers(1, 4))
    for i in rng.permutation(len(variants)).tolist():
        if all(variants[i][1] != variant[1] for variant in chosen):  # no product twice in an order, so that its name is enough
            chosen.append(variants[i])
        if len(chosen) == most:
            break
    return row, [(f"L{next(numbers)}", order, variant[0], variant[3], "ordered", None, None, None) for variant in chosen]


def _address(rng: np.random.Generator) -> tuple[str, str, str]:
    return f"{rng.integers(1, 120)} {STREETS[int(rng.integers(len(STREETS)))]}", CITIES[int(rng.integers(len(CITIES)))], str(rng.integers(10000, 99999))


def new_address(rng: np.random.Generator) -> tuple[str, str, str]:
    """Street, city and zip code."""
    return _address(rng)


def money(cents: int) -> str:
    """An amount in dollars, as tools and customers write it."""
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100}.{abs(cents) % 100:02}"
