"""What customers of `prm_gym/Retail-v0` want: wishes drawn from the rows of a shop, with the call that fulfils each, or why the policy forbids it."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from prm_gym.envs.tools.retail_shop import RETURN_DAYS, TODAY, Shop, new_address
from prm_gym.envs.tools.retail_tools import REASONS

Kind: TypeAlias = Literal["do", "refuse", "tell", "transfer"]
_Row: TypeAlias = dict[str, Any]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a customer wants.

    Attributes:
        kind: `do` (a call of a tool), `refuse` (a call that the policy forbids), `tell` (an amount), `transfer` (what no tool can do).
        opening: how it is told at first.
        details: what is told when the agent asks; empty where there is nothing more to tell.
        order: number of the order; empty where it is about none.
        named: the opening gives the number of the order.
        tool: of the call.
        arguments: of the call.
        beside: numbers that a proposal may name beside the arguments: what else is in the order, or the old zip code.
        product: that must be looked up for its variants; empty for none.
        paid: the payment methods must be looked up.
        changed: what is told instead of a yes, when customers change their mind; empty where they do not.
        first: the arguments that fit before they do.
        others: the order is somebody else's.
        amount: that is to be told, in cents.
        prices: of the lines that the amount is the sum of.
        why: the policy forbids it, in words.
    """

    kind: Kind
    opening: str
    details: str = ""
    order: str = ""
    named: bool = False
    tool: str = ""
    arguments: dict[str, Any] = {}
    beside: tuple[str, ...] = ()
    product: str = ""
    paid: bool = False
    changed: str = ""
    first: dict[str, Any] = {}
    others: bool = False
    amount: int = 0
    prices: tuple[int, ...] = ()
    why: str = ""


class Plan(NamedTuple):
    """What the tasks of one difficulty ask for.

    Attributes:
        do: how many wishes that are to be fulfilled.
        extra: what may come beside them.
        extras: how many of those.
        named: orders are named by their numbers.
        minds: the customer may change their mind.
        chatty: they say things that are of no use.
        steps: the step limit, twice as many as the longest script has.
    """

    do: int
    extra: tuple[Kind, ...]
    extras: int
    named: bool
    minds: bool
    chatty: bool
    steps: int


LEVELS: dict[int, Plan] = {
    1: Plan(1, (), 0, True, False, False, 20),
    2: Plan(1, (), 0, False, False, False, 22),
    3: Plan(1, ("refuse", "tell", "transfer", "refuse"), 1, False, False, True, 32),
    4: Plan(2, ("refuse", "tell", "refuse"), 1, False, True, True, 48),
    5: Plan(3, ("refuse", "tell", "transfer", "refuse"), 2, False, True, True, 66),
}
BEYOND = (
    "I would like to complain about the courier who left my parcel in the rain. Somebody in charge should call me back.",
    "I need an invoice made out to my company for last year, all orders on one sheet.",
    "I want to apply for the job in your warehouse that I saw in the window.",
)


class _Desk:
    """The rows of a shop as dictionaries, and the generator that chooses among them."""

    def __init__(self, shop: Shop, rng: np.random.Generator, plan: Plan) -> None:
        self.rng, self.plan, self.customer, self.other = rng, plan, shop.customer, shop.other
        names = {"orders": ("id", "user_id", "status", "ordered_on", "delivered_on", "street", "city", "zip", "payment_id")}
        names |= {"lines": ("id", "order_id", "variant_id", "price"), "variants": ("id", "product_id", "options", "price", "available")}
        names |= {"payments": ("id", "user_id", "kind", "balance"), "products": ("id", "name")}
        self.rows: dict[str, list[_Row]] = {table: [dict(zip(columns, row, strict=False)) for row in shop.rows[table]] for table, columns in names.items()}
        self.variants = {row["id"]: row for row in self.rows["variants"]}
        self.products: dict[str, str] = {row["id"]: row["name"] for row in self.rows["products"]}
        self.payments = {row["id"]: row for row in self.rows["payments"]}
        self.own = [row for row in self.rows["payments"] if row["user_id"] == self.customer[0]]
        self.free = [row for row in self.rows["orders"] if row["user_id"] == self.customer[0]]

    def take(self, fits: Callable[[_Row], bool]) -> _Row | None:
        """An order of the customer that no wish is about yet."""
        found = [row for row in self.free if fits(row)]
        if not found:
            return None
        order = self.choose(found)
        self.free.remove(order)
        return order

    def choose(self, among: Sequence[Any]) -> Any:
        """One of several."""
        return among[int(self.rng.integers(len(among)))]

    def lines(self, order: _Row) -> list[_Row]:
        """The lines of an order."""
        return [row for row in self.rows["lines"] if row["order_id"] == order["id"]]

    def goods(self, line: _Row) -> str:
        """The name of what a line holds."""
        return self.products[self.variants[line["variant_id"]]["product_id"]]

    def inside(self, order: _Row) -> tuple[str, ...]:
        """The numbers of what is in an order, and of how it was paid."""
        lines = self.lines(order)
        return (*(line["id"] for line in lines), *(line["variant_id"] for line in lines), order["payment_id"])

    def called(self, order: _Row) -> tuple[str, bool]:
        """How the customer speaks of an order, and whether that is its number."""
        if not self.plan.named:
            orders = [row for row in self.rows["orders"] if row["user_id"] == self.customer[0]]
            counts = [self.goods(line) for row in orders for line in self.lines(row)]
            only = [name for line in self.lines(order) if counts.count(name := self.goods(line)) == 1]
            if only:
                return f"my order with the {self.choose(only)}", False
        return f"my order {order['id']}", True

    def words(self, payment: _Row, order: _Row) -> str:
        """How the customer speaks of a payment method."""
        if payment["kind"] == "gift_card":
            return "my gift card"
        if payment["id"] == order["payment_id"]:
            return "the method that I paid with"
        return "my PayPal account" if payment["kind"] == "paypal" else "my other credit card" if len(self._cards(order)) == 1 else "my credit card"

    def _cards(self, order: _Row) -> list[_Row]:
        paid = self.payments[order["payment_id"]]
        return [row for row in self.own if row["kind"] == "credit_card" and row["id"] != paid["id"] and paid["kind"] == "credit_card"]

    def address(self) -> dict[str, str]:
        """A new address as arguments."""
        return dict(zip(("street", "city", "zip"), new_address(self.rng), strict=True))


def _pending(row: _Row) -> bool:
    return row["status"] == "pending"


def _returnable(row: _Row) -> bool:
    return row["status"] == "delivered" and TODAY - row["delivered_on"] <= RETURN_DAYS


def _too_old(row: _Row) -> bool:
    return row["status"] == "delivered" and TODAY - row["delivered_on"] > RETURN_DAYS


def _shipped(row: _Row) -> bool:
    return row["status"] == "shipped"


def _any(_row: _Row) -> bool:
    return True


def _where(address: dict[str, str]) -> str:
    return f"{address['street']}, {address['city']}, {address['zip']}"


def _cancel(desk: _Desk, fits: Callable[[_Row], bool] = _pending) -> Wish | None:
    order = desk.take(fits)
    if order is None:
        return None
    called, named = desk.called(order)
    reason = desk.choose(REASONS)
    details = "I do not need it any more; it is no longer needed." if reason == REASONS[0] else "It was ordered by mistake."
    arguments = {"order_id": order["id"], "reason": reason}
    return Wish(
        kind="do",
        opening=f"I would like to cancel {called}.",
        details=details,
        order=order["id"],
        named=named,
        tool="cancel_order",
        arguments=arguments,
        beside=desk.inside(order),
    )


def _address(desk: _Desk) -> Wish | None:
    order = desk.take(_pending)
    if order is None:
        return None
    called, named = desk.called(order)
    first, final = desk.address(), desk.address()
    wish = Wish(
        kind="do",
        opening=f"I have to change where {called} is sent.",
        details=f"It should go to {_where(final)}.",
        order=order["id"],
        named=named,
        tool="change_order_address",
        arguments={"order_id": order["id"], **final},
        beside=(*desk.inside(order), order["zip"]),
    )
    if not (desk.plan.minds and desk.rng.random() < 0.6):
        return wish
    return msgspec.structs.replace(
        wish,
        details=f"It should go to {_where(first)}.",
        first={"order_id": order["id"], **first},
        changed=f"Oh, wait. I have changed my mind: it should rather go to {_where(final)}.",
    )


def _home(desk: _Desk) -> Wish | None:
    address = desk.address()
    arguments = {"user_id": desk.customer[0], **address}
    return Wish(
        kind="do",
        opening="I have moved, so my home address must be changed.",
        details=f"It is {_where(address)} now.",
        tool="change_home_address",
        arguments=arguments,
        beside=(str(desk.customer[5]),),
    )


def _payment(desk: _Desk) -> Wish | None:
    order = desk.take(_pending)
    if order is None:
        return None
    total = sum(line["price"] for line in desk.lines(order))
    others = [row for row in desk.own if row["id"] != order["payment_id"] and (row["kind"] != "gift_card" or row["balance"] >= total)]
    payment = desk.choose(others)
    called, named = desk.called(order)
    return Wish(
        kind="do",
        opening=f"I would like to pay for {called} in another way.",
        details=f"Please use {desk.words(payment, order)} for it.",
        order=order["id"],
        named=named,
        tool="change_order_payment",
        arguments={"order_id": order["id"], "payment_id": payment["id"]},
        beside=desk.inside(order),
        paid=True,
    )


def _return(desk: _Desk, fits: Callable[[_Row], bool] = _returnable, elsewhere: bool = False) -> Wish | None:
    order = desk.take(fits)
    if order is None:
        return None
    lines = desk.lines(order)
    chosen = [lines[i] for i in sorted(desk.rng.permutation(len(lines))[: desk.rng.integers(1, max(2, len(lines)))].tolist())]
    usual = [row for row in desk.own if row["kind"] == "gift_card" or row["id"] == order["payment_id"]]
    payment = desk.choose([row for row in desk.own if row not in usual] if elsewhere else usual)
    called, named = desk.called(order)
    return Wish(
        kind="do",
        opening=f"I want to send something back from {called}.",
        details=f"It is the {' and the '.join(desk.goods(line) for line in chosen)}. The money should go to {desk.words(payment, order)}.",
        order=order["id"],
        named=named,
        tool="return_items",
        arguments={"order_id": order["id"], "line_ids": [line["id"] for line in chosen], "payment_id": payment["id"]},
        beside=tuple(line["variant_id"] for line in chosen),
        paid=True,
    )


def _replace(desk: _Desk, tool: str, fits: Callable[[_Row], bool], foreign: bool = False) -> Wish | None:
    """An exchange, or other variants for a pending order; with preferences that the shelf decides."""
    order = desk.take(fits)
    if order is None:
        return None
    line = desk.choose(desk.lines(order))
    product = desk.variants[line["variant_id"]]["product_id"]
    if foreign:
        product = desk.choose([key for key in desk.products if key != product])
    others = [row for row in desk.rows["variants"] if row["product_id"] == product and row["id"] != line["variant_id"]]
    available = [row for row in others if row["available"]]
    payment = next(row for row in desk.own if row["id"] == order["payment_id"])
    if not available:
        desk.free.append(order)
        return None
    wanted, said = _preference(desk, others, available)
    called, named = desk.called(order)
    again = f"Any difference in price goes on {desk.words(payment, order)}."
    what = f"Instead of the {desk.goods(line)} I want the {desk.products[product]}" if foreign else f"The {desk.goods(line)}. I want another one"
    arguments = {"order_id": order["id"], "line_ids": [line["id"]], "variant_ids": [wanted["id"]], "payment_id": payment["id"]}
    wish = Wish(
        kind="do",
        opening=f"I would like to have something else instead of a thing in {called}.",
        details=f"{what}: {said}. {again}",
        order=order["id"],
        named=named,
        tool=tool,
        arguments=arguments,
        beside=(line["variant_id"],),
        product=product,
    )
    earlier = [row for row in available if row["id"] != wanted["id"]]
    if not (desk.plan.minds and not foreign and earlier and desk.rng.random() < 0.6):
        return wish
    first = desk.choose(earlier)
    return msgspec.structs.replace(
        wish,
        details=f"{what}: {first['options']}. {again}",
        first={**arguments, "variant_ids": [first["id"]]},
        changed=f"Oh, wait. I have changed my mind: I would rather have {said}.",
    )


def _preference(desk: _Desk, others: Sequence[_Row], available: Sequence[_Row]) -> tuple[_Row, str]:
    """The variant that is meant, and how it is said: plainly, with a second choice, or by its price."""
    cheapest = min(available, key=lambda row: (row["price"], row["id"]))
    unique = [row["price"] for row in available].count(cheapest["price"]) == 1
    missing = [row for row in others if not row["available"]]
    way = 0 if desk.plan.named else int(desk.rng.integers(3))
    if way == 1 and missing:
        wanted = desk.choose(available)
        return wanted, f"{desk.choose(missing)['options']} if there is one, and if not, {wanted['options']}"
    if way == 2 and unique:
        return cheapest, "the cheapest of the others that you have"
    wanted = desk.choose(available)
    return wanted, wanted["options"]


def _items(desk: _Desk) -> Wish | None:
    return _replace(desk, "change_order_items", _pending)


def _exchange(desk: _Desk) -> Wish | None:
    return _replace(desk, "exchange_items", _returnable)


def _forbidden(desk: _Desk) -> Wish | None:
    """A wish that looks like others and that the policy forbids."""
    makers: list[tuple[str, Callable[[], Wish | None]]] = [
        ("the order is shipped", lambda: _cancel(desk, _shipped)),
        ("it was delivered too long ago", lambda: _return(desk, _too_old)),
        ("it was delivered too long ago", lambda: _replace(desk, "exchange_items", _too_old)),
        ("the money must go back where it came from, or to a gift card", lambda: _return(desk, elsewhere=True)),
        ("it is another product", lambda: _replace(desk, "change_order_items", _pending, foreign=True)),
        ("it is somebody else's order", lambda: _of_another(desk)),
    ]
    why, make = desk.choose(makers)
    wish = make()
    return None if wish is None else msgspec.structs.replace(wish, kind="refuse", why=why, changed="", first={})


def _of_another(desk: _Desk) -> Wish:
    """A friend's order, which looks as if it were none of the agent's business, and is not."""
    order = desk.choose([row for row in desk.rows["orders"] if row["user_id"] == desk.other[0] and _pending(row)])
    arguments = {"order_id": order["id"], "reason": REASONS[0]}
    opening = f"Please cancel the order {order['id']} for my friend {desk.other[1]}."
    return Wish(
        kind="do", opening=opening, details="It is no longer needed.", order=order["id"], named=True, tool="cancel_order", arguments=arguments, others=True
    )


def _tell(desk: _Desk) -> Wish | None:
    order = desk.take(_any)
    if order is None:
        return None
    called, named = desk.called(order)
    prices = tuple(line["price"] for line in desk.lines(order))
    opening = f"How much did I pay for {called} altogether?"
    return Wish(kind="tell", opening=opening, order=order["id"], named=named, amount=sum(prices), prices=prices)


def _beyond(desk: _Desk) -> Wish | None:
    return Wish(kind="transfer", opening=desk.choose(BEYOND))


_DO = (_cancel, _address, _home, _payment, _return, _items, _exchange)
_EXTRA: dict[Kind, Callable[[_Desk], Wish | None]] = {"refuse": _forbidden, "tell": _tell, "transfer": _beyond}


def new_wishes(shop: Shop, rng: np.random.Generator, plan: Plan) -> tuple[Wish, ...]:
    """The wishes of the customer, in the order in which they come to them."""
    while True:
        desk = _Desk(shop, rng, plan)
        makers = [_DO[i] for i in rng.permutation(len(_DO))[: plan.do].tolist()]
        wishes = [make(desk) for make in makers]
        extras = [plan.extra[i] for i in rng.permutation(len(plan.extra))[: plan.extras].tolist()]
        wishes += [_EXTRA[kind](desk) for kind in extras]
        found = [wish for wish in wishes if wish is not None]
        ordered = [found[i] for i in rng.permutation(len(found)).tolist()]
        ordered.sort(key=_is_last)  # who is handed over wants nothing afterwards
        if len(found) == len(wishes) and sum(wish.kind == "transfer" for wish in found) < 2:
            return tuple(ordered)


def _is_last(wish: Wish) -> bool:
    return wish.kind == "transfer"
