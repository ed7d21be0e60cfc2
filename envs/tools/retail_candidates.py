"""The candidates of `prm_gym/Retail-v0`: of every form as many in every list, with wordings and arguments drawn as those of the script are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.retail_phrases import ASK_DETAILS, ASK_ELSE, ASK_WHAT, ASK_WHO, TRANSFER, proposal, refusal, statement
from prm_gym.envs.tools.retail_shop import new_address
from prm_gym.envs.tools.retail_tools import REASONS
from prm_gym.services import Database, variations
from prm_gym.tools import call_text

Change = tuple[str, dict[str, Any]]
ASKS, CHANGES, READS = 2, 4, 2
_MARKS = {"I will": "proposal", "I am": "refusal", "The to": "statement"}


def form_of_message(text: str) -> str:
    """Proposal, refusal, statement or anything else."""
    return next((form for mark, form in _MARKS.items() if text.startswith(mark)), "say")


class Candidates:
    """What may be listed for a customer, made of what was shown."""

    def __init__(self, rng: np.random.Generator, rows: Database, shown: Sequence[str]) -> None:
        """Sort what was shown.

        Args:
            rng: for the choice.
            rows: of the shop.
            shown: identifiers.
        """
        self.rng, self.rows = rng, rows
        self.shown = {letter: [name for name in shown if name[0] == letter and name[1:].isdigit()] for letter in "WLVCGUP"}
        self.emails, self.zips = [name for name in shown if "@" in name], [name for name in shown if name.isdigit()]

    def listed(self, proposed: Change | None, called: Change | None) -> list[str]:
        """The candidates.

        Args:
            proposed: the change that is to be proposed now, listed among others like it.
            called: the change that is to be made now, in the same way.
        """
        asks = [ASK_WHO, ASK_WHAT, ASK_DETAILS, ASK_ELSE]
        found = [*(asks[i] for i in self.rng.permutation(len(asks))[:ASKS].tolist()), call_text("finish"), TRANSFER, *self._reads()]
        if self.shown["W"]:
            read = [order for order in self.shown["W"] if self._lines_of(order)] or self.shown["W"]  # whoever refuses by chance then refuses what is wished
            found += [refusal(read[int(self.rng.integers(len(read)))]), statement(self._one("W"), self._amount())]
        found += [proposal(tool, arguments) for tool, arguments in self._with_others(proposed)]
        return [*found, *(call_text(tool, **arguments) for tool, arguments in self._with_others(called))]

    def _one(self, letters: str) -> str:
        names = [name for letter in letters for name in self.shown[letter]]
        return names[int(self.rng.integers(len(names)))]

    def _amount(self) -> int:
        """The total of some lines, as the total of an order is."""
        prices = [row["price"] for row in self.rows.all("SELECT price FROM variants ORDER BY id")]
        return sum(prices[int(i)] for i in self.rng.integers(len(prices), size=int(self.rng.integers(1, 4))))

    def _reads(self) -> list[str]:
        others = self.rows.all("SELECT name, email, zip FROM users ORDER BY id")
        other = others[int(self.rng.integers(len(others)))]
        found = [call_text("find_user_by_email", email=email) for email in [*self.emails, other["email"]]]
        found.append(call_text("find_user_by_name", name=other["name"], zip=other["zip"]))
        found += [call_text("get_user", user_id=user) for user in self.shown["U"]] + [call_text("list_orders", user_id=user) for user in self.shown["U"]]
        found += [call_text("get_order", order_id=self._one("W")) for _ in self.shown["W"][:3]]
        found += [call_text("get_product", product_id=self._one("P")) for _ in self.shown["P"][:2]]
        order: list[int] = self.rng.permutation(len(found)).tolist()
        return list(dict.fromkeys(found[i] for i in order))[:READS]

    def _with_others(self, wanted: Change | None) -> list[Change]:
        """Changes that are alike but for one or two arguments; of a second kind where there are too few of the first."""
        made: list[Change] = []
        for _ in range(20):
            base = wanted if wanted is not None and not made else self._new()
            if base is not None and base not in made:
                tool, arguments = base
                made += [(tool, other) for other in variations(self.rng, arguments, self._axes(arguments), CHANGES) if (tool, other) not in made]
            if len(made) >= CHANGES:
                break
        return made[:CHANGES]

    def _new(self) -> Change | None:
        """A change of any kind; None where too little was shown for it."""
        makers: list[Callable[[], Change | None]] = [
            self._home,
            self._cancel,
            self._address,
            self._payment,
            self._return,
            lambda: self._replace("change_order_items"),
            lambda: self._replace("exchange_items"),
        ]
        return makers[int(self.rng.integers(len(makers)))]()

    def _place(self) -> dict[str, Any]:
        return dict(zip(("street", "city", "zip"), new_address(self.rng), strict=True))

    def _home(self) -> Change | None:
        return ("change_home_address", {"user_id": self._one("U"), **self._place()}) if self.shown["U"] else None

    def _cancel(self) -> Change | None:
        return ("cancel_order", {"order_id": self._one("W"), "reason": REASONS[int(self.rng.integers(2))]}) if self.shown["W"] else None

    def _address(self) -> Change | None:
        return ("change_order_address", {"order_id": self._one("W"), **self._place()}) if self.shown["W"] else None

    def _payment(self) -> Change | None:
        return ("change_order_payment", {"order_id": self._one("W"), "payment_id": self._one("CG")}) if self.shown["W"] and self._paid else None

    @property
    def _paid(self) -> bool:
        return bool(self.shown["C"] or self.shown["G"])

    def _lines(self) -> tuple[str, list[str]] | None:
        """An order that was shown with lines that were, which are its own where there are any."""
        if not (self.shown["W"] and self.shown["L"] and self._paid):
            return None
        order = self._one("W")
        return order, self._lines_of(order) or [self._one("L")]

    def _lines_of(self, order: str) -> list[str]:
        """The lines of an order, of those that were shown."""
        return [row["id"] for row in self.rows.all("SELECT id FROM lines WHERE order_id = ? ORDER BY id", order) if row["id"] in self.shown["L"]]

    def _return(self) -> Change | None:
        found = self._lines()
        if found is None:
            return None
        order, lines = found
        most = int(self.rng.integers(1, max(2, len(lines))))
        chosen: Json = [lines[i] for i in sorted(self.rng.permutation(len(lines))[:most].tolist())]
        return "return_items", {"order_id": order, "line_ids": chosen, "payment_id": self._one("CG")}

    def _replace(self, tool: str) -> Change | None:
        found = self._lines()
        if found is None or not self.shown["V"]:
            return None
        order, lines = found
        line = lines[int(self.rng.integers(len(lines)))]
        return tool, {"order_id": order, "line_ids": [line], "variant_ids": [self._one("V")], "payment_id": self._one("CG")}

    def _axes(self, arguments: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        """What may stand in the place of the arguments of a change, of what was shown where it is an identifier."""
        found: list[list[dict[str, Any]]] = []
        if "reason" in arguments:
            found.append([{"reason": reason} for reason in REASONS if reason != arguments["reason"]])
        if "zip" in arguments:
            found.append([self._place() for _ in range(CHANGES)])
        if "order_id" in arguments and "line_ids" not in arguments:
            found.append([{"order_id": name} for name in self.shown["W"] if name != arguments["order_id"]])
        if "payment_id" in arguments:
            found.append([{"payment_id": name} for name in self.shown["C"] + self.shown["G"] if name != arguments["payment_id"]])
        if "line_ids" in arguments:
            first, *rest = arguments["line_ids"]
            found.append([{"line_ids": [name, *rest]} for name in self._lines_of(arguments["order_id"]) if name not in (first, *rest)])
        if "variant_ids" in arguments:
            found.append([{"variant_ids": [name]} for name in self._like(arguments["variant_ids"][0])])
        return found

    def _like(self, variant: str) -> list[str]:
        """The other variants of a product, of those that were shown."""
        query = "SELECT id FROM variants WHERE product_id = (SELECT product_id FROM variants WHERE id = ?) AND id != ? ORDER BY id"
        return [row["id"] for row in self.rows.all(query, variant, variant) if row["id"] in self.shown["V"]]
