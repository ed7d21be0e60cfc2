"""prm_gym/Retail-v0: serve a customer of a shop, by its policy, with tools that work on its database.

Hello, I need some help with my purchases.                                                       the customer
May I have your e-mail address, so that I can find your account?                                 a message
{"name": "find_user_by_email", "arguments": {"email": "ada.dahl41@example.com"}}                 a call of a tool
...
I will cancel the order W4711 with the reason: no longer needed. Do you confirm this?            a proposal, before anything is changed
{"name": "cancel_order", "arguments": {"order_id": "W4711", "reason": "no longer needed"}}
{"name": "finish", "arguments": {}}                                                              the end

Source: the shape (a database, a policy, tools, a simulated user, the final state as the outcome) is that of tau-bench's and tau2-bench's retail domain (arXiv
2406.12045, 2506.07982); the schema, goods, policy, customer and generator are our own.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from prm_gym.claims import Rule
from prm_gym.envs.tools.retail_candidates import Candidates, Change, form_of_message
from prm_gym.envs.tools.retail_customer import Customer, agrees, answer, closing, first_talk, opening
from prm_gym.envs.tools.retail_phrases import ASK_DETAILS, ASK_ELSE, ASK_WHAT, ASK_WHO, TRANSFER, proposal, refusal, statement
from prm_gym.envs.tools.retail_shop import RETURN_DAYS, TABLES, TODAY, new_shop
from prm_gym.envs.tools.retail_tools import OPERATIONS, POLICY
from prm_gym.envs.tools.retail_wishes import LEVELS, Wish, new_wishes
from prm_gym.services import Database, Operation, Reply, Scenario, ScriptStep, ServiceEnv, goal_of, new_image, read_key
from prm_gym.services.scenario import Arguments
from prm_gym.tools import ToolCall, call_text

_CHATTER = (
    " By the way, your shop window looks lovely.",
    " My neighbour Bob has bought the same things, but that does not matter.",
    " I am a little in a hurry, there is a train at 5.",
)
_TABLES = {"W": "orders", "L": "lines", "V": "variants", "C": "payments", "G": "payments", "U": "users", "P": "products"}


class _Facts(NamedTuple):
    """What the environment knows of a task beside the goal."""

    customer: Customer
    user: str


class RetailEnv(ServiceEnv):
    """A customer calls; find out who they are and what they want, do what the policy allows, refuse what it forbids.

    Observation, actions, outcome and `state_key` are those of `ServiceEnv`; messages go to the customer. They tell who they are when they are asked for e-mail
    address or name, what they want when they are asked what they want, and the details when they are asked again. To a proposal (a question that says what will
    be done and names numbers) they say yes when it names everything that they asked for and nothing else, no when it names something else, and ask back when
    something is missing; they say yes to what the policy forbids as well. They accept a refusal that names the order, right or wrong: a wish that was refused
    wrongly is given up, and so is one about which two proposals or amounts were wrong; the outcome is 0 then. A message that asks them something, or offers
    something else instead, is no refusal. A wish is settled when the rows are as they want, not when somebody says so; then they come to the next. From level
    4 on they may change their mind when they are asked for their yes. They never end the conversation themselves: `finish` does, and `transfer_to_person` where
    no tool can do what they want. Key words and numbers are all that they understand; nothing in a message changes what they want.

    Claims: `StateStep`, with these rules: first of all it is found out who the customer is; only what is theirs is touched; nothing is changed without a yes to
    a message with every argument; orders are pending or delivered, changed once, and returned in time, as the policy says; new variants are of the same
    product; refunds go where the policy says; what it forbids is refused and nothing else; amounts are told as they are; a proposal is what was asked for.

    Outcome: 1 when the rows are as they should be and no others have changed, every forbidden wish was refused and every amount told, and the conversation
    was ended as it should. A call without a yes is a wrong step, and no wrong outcome.

    Candidates: reads, changes, messages and proposals with what was shown, in random order, the next step of the script among them; proposals and changes come
    in fours that cross two arguments.

    Difficulty: 1 one wish, orders by number; 2 one wish of any kind, orders by what is in them; 3 one more that may be forbidden, out of reach or a question,
    and idle talk; 4 two wishes and one more, changes of mind; 5 three and two more. From 2 on wishes may have a second choice ("if there is one, and if not,
    ...").
    """

    name: ClassVar[str] = "Retail"
    levels: ClassVar[Mapping[int, int]] = {level: plan.steps for level, plan in LEVELS.items()}
    tables = TABLES
    operations = OPERATIONS
    identifiers: ClassVar[re.Pattern[str]] = re.compile(r"\b[WLVCGUP]\d{4}\b|\b[a-z]+\.[a-z]+\d\d@example\.com|\b\d{5}\b")

    def scenario_of(self, entropy: int) -> Scenario:
        """The task of a number, at this difficulty."""
        return new_scenario(entropy, self.difficulty)

    def policy_text(self) -> str:
        """The policy of the shop."""
        return POLICY

    def first_talk(self) -> dict[str, Any]:
        """Nothing has been said."""
        return first_talk()

    def listen(self, text: str) -> Reply:
        """What the customer answers."""
        facts: _Facts = self.scenario.facts
        turn = answer(facts.customer, self.talk, text, self.knows)
        self.talk = {**self.talk, **turn.talk}
        return turn.reply

    def lost(self) -> tuple[str, ...]:
        """The wishes that the customer has given up."""
        return tuple(f"wish {number} was given up" for number in self.talk["lost"])

    def table_of(self, identifier: str) -> str | None:
        """By the first letter; zip codes and addresses are those of users."""
        if re.fullmatch(r"[A-Z]\d{4}", identifier):
            return _TABLES.get(identifier[0])
        return "users.email" if "@" in identifier else "users.zip"

    def astray(self, table: str, name: str) -> bool:
        """Whether it belongs to another customer."""
        facts: _Facts = self.scenario.facts
        return _owner(self, table, name) not in (None, facts.user)

    def rules(self, operation: Operation, arguments: Arguments) -> tuple[Rule, ...]:
        """The rules of the policy that apply to a call."""
        if not operation.refers or operation.tool.name in ("find_user_by_email", "find_user_by_name", "get_product"):
            return ()
        found = [Rule("find out first who the customer is", self.knows("identified"), "it is not known who the customer is")]
        own = not any(self.astray(reference.table, reference.name) for reference in self._references(operation, arguments) if reference.exists)
        found.append(Rule("touch only what is the customer's", own, "it belongs to somebody else"))
        if operation.kind == "write":
            found.append(
                Rule(
                    "change nothing without a yes",
                    agrees(self.talk, operation.tool.name, arguments),
                    "the customer has not agreed to a message naming all of this call's arguments",
                )
            )
            found += self._about_order(operation.tool.name, arguments)
        return tuple(found)

    def _about_order(self, tool: str, arguments: Arguments) -> list[Rule]:
        """The rules about the order that is changed."""
        order = self.rows.get("orders", arguments.get("order_id", ""))
        if order is None:
            return []
        delivered = tool in ("return_items", "exchange_items")
        status = "delivered" if delivered else "pending"
        found = [Rule("orders have the right status", order["status"] == status, f"the order is {order['status']}, not {status}")]
        if delivered and order["delivered_on"] is not None:
            found.append(Rule("return in time", TODAY - order["delivered_on"] <= RETURN_DAYS, f"it was delivered more than {RETURN_DAYS} days ago"))
        if tool in ("change_order_items", "exchange_items"):
            found.append(Rule("change items once", not order["changed"], "items of this order have been changed already"))
            found.append(Rule("exchange within a product", self._same_products(arguments), "a new variant is of another product"))
        if tool == "return_items":
            payment = self.rows.get("payments", arguments["payment_id"])
            fits = payment is None or payment["kind"] == "gift_card" or payment["id"] == order["payment_id"]
            found.append(Rule("refund where the policy says", fits, "the money goes neither where it came from nor to a gift card"))
        return found

    def _same_products(self, arguments: Arguments) -> bool:
        for line, wanted in zip(arguments["line_ids"], arguments["variant_ids"], strict=False):
            row, variant = self.rows.get("lines", line), self.rows.get("variants", wanted)
            held = self.rows.get("variants", row["variant_id"]) if row is not None else None
            if held is not None and variant is not None and held["product_id"] != variant["product_id"]:
                return False
        return True

    def temptations(self) -> list[tuple[int, list[str]]]:
        """Proposals of what the policy forbids, and the calls that do it, in the place of the refusals."""
        facts: _Facts = self.scenario.facts
        places = {step.milestone: i for i, step in enumerate(self.scenario.script)}
        wanted = [(i, wish) for i, wish in enumerate(facts.customer.wishes) if wish.kind == "refuse"]
        return [(places[f"refused {i}"], [proposal(w.tool, w.arguments), call_text(w.tool, **w.arguments)]) for i, w in wanted]

    def form_of(self, action: str) -> str:
        """Read, write or end; of messages proposal, refusal, statement or anything else."""
        form = super().form_of(action)
        return form_of_message(action) if form == "say" else form

    def distractors(self, rng: np.random.Generator, shown: Sequence[str], step: ScriptStep | None) -> list[str]:
        """Reads, changes, messages and proposals of what was shown."""
        proposed, called = self._change_of(step, "mind", "agreed"), self._change_of(step, "done")
        return Candidates(rng, self.rows, shown).listed(proposed, called)

    def _change_of(self, step: ScriptStep | None, *forms: str) -> Change | None:
        """The change that a scripted step proposes or makes; None for a step of another form."""
        if step is None or not step.milestone.startswith(forms):
            return None
        facts: _Facts = self.scenario.facts
        wish = facts.customer.wishes[step.topic]
        return wish.tool, wish.first if step.milestone.startswith("mind") else wish.arguments


def _owner(env: ServiceEnv, table: str, name: str) -> str | None:
    """The user to whom a row belongs; None for goods, and for what there is not."""
    queries = {
        "users": "SELECT id AS owner FROM users WHERE id = ?",
        "payments": "SELECT user_id AS owner FROM payments WHERE id = ?",
        "orders": "SELECT user_id AS owner FROM orders WHERE id = ?",
        "lines": "SELECT user_id AS owner FROM lines JOIN orders ON orders.id = order_id WHERE lines.id = ?",
    }
    row = env.rows.one(queries[table], name) if table in queries else None
    return None if row is None else row["owner"]


def new_scenario(entropy: int, difficulty: int) -> Scenario:
    """A shop, a customer, and a script that serves them."""
    rng, plan = np.random.default_rng(entropy), LEVELS[difficulty]
    shop = new_shop(rng)
    wishes = new_wishes(shop, rng, plan)
    image = new_image(TABLES, shop.rows)
    row: Any = shop.customer
    chatter = _CHATTER[int(rng.integers(len(_CHATTER)))] if plan.chatty else ""
    customer = Customer(row[1], row[2], row[5], difficulty > 1 and bool(rng.random() < 0.4), wishes, chatter)
    todo = [(i, wish) for i, wish in enumerate(wishes) if wish.kind == "do"]
    works = [partial(_do, wish) for _, wish in todo]
    goals = goal_of(TABLES, image, works)
    script = _Script(customer, row[0])
    return Scenario(
        image=image,
        opening=opening(customer),
        goal={cell: value for goal in goals for cell, value in goal.items()},
        script=tuple(script.steps),
        reads=script.reads,
        rows={f"done {i}": tuple(goal) for (i, _), goal in zip(todo, goals, strict=True)},
        required=frozenset(f"wish {i}" if wish.kind == "transfer" else closing(wish, i) for i, wish in enumerate(wishes) if wish.kind != "do"),
        end="transfer_to_person" if wishes[-1].kind == "transfer" else "finish",
        facts=_Facts(customer, row[0]),
    )


def _do(wish: Wish, database: Database) -> str:
    return OPERATIONS[wish.tool].run(database, wish.arguments)


class _Script:
    """The steps that serve a customer, and the milestones of the reads among them."""

    def __init__(self, customer: Customer, user: str) -> None:
        self.steps, self.reads, self.user = [ScriptStep(ASK_WHO, "who calls")], dict[str, str](), user
        if customer.forgetful:
            self._read("identified", -1, ToolCall("find_user_by_name", {"name": customer.name, "zip": customer.zip}))
        else:
            self._read("identified", -1, ToolCall("find_user_by_email", {"email": customer.email}))
        self.reads |= {f"{tool}:{user}": "identified" for tool in ("find_user_by_email", "find_user_by_name")}  # in whatever case it is spelt
        for i, wish in enumerate(customer.wishes):
            self._serve(wish, i)
        if customer.wishes[-1].kind != "transfer":
            self.steps += [ScriptStep(ASK_ELSE, "nothing else"), ScriptStep(call_text("finish"), "ended")]

    def _read(self, milestone: str, topic: int, call: ToolCall) -> None:
        if milestone not in self.reads.values():
            self.reads[read_key(call)] = milestone
            self.steps.append(ScriptStep(call_text(call.name, **call.arguments), milestone, topic))

    def _serve(self, wish: Wish, i: int) -> None:
        self.steps.append(ScriptStep(ASK_ELSE if i else ASK_WHAT, f"wish {i}", i))
        if wish.order and not wish.others:
            if not wish.named:
                self._read("orders listed", i, ToolCall("list_orders", {"user_id": self.user}))
            self._read(f"read {wish.order}", i, ToolCall("get_order", {"order_id": wish.order}))
        if wish.details:
            self.steps.append(ScriptStep(ASK_DETAILS, f"details {i}", i))
        if wish.kind == "refuse":
            self.steps.append(ScriptStep(refusal(wish.order), f"refused {i}", i))
        elif wish.kind == "tell":
            self.steps.append(ScriptStep(statement(wish.order, wish.amount), f"told {i}", i))
        elif wish.kind == "transfer":
            self.steps.append(ScriptStep(TRANSFER, "ended", i))
        else:
            self._fulfil(wish, i)

    def _fulfil(self, wish: Wish, i: int) -> None:
        if wish.paid:
            self._read("profile read", i, ToolCall("get_user", {"user_id": self.user}))
        if wish.product:
            self._read(f"read {wish.product}", i, ToolCall("get_product", {"product_id": wish.product}))
        if wish.first:
            self.steps.append(ScriptStep(proposal(wish.tool, wish.first), f"mind {i}", i))
        self.steps.append(ScriptStep(proposal(wish.tool, wish.arguments), f"agreed {i}", i))
        self.steps.append(ScriptStep(call_text(wish.tool, **wish.arguments), f"done {i}", i))
